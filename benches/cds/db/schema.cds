namespace bench;
entity Reference {
  key ID : UUID;
  name : String(200);
  display : String(200);
  connector : String(1000);
  description : String(2000);
  createdon : Timestamp;
}
