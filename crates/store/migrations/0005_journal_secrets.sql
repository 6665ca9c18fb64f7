-- What a run must not show is sealed beside what it may: envelopes in base64.
ALTER TABLE run ADD COLUMN sealed TEXT;
ALTER TABLE run ADD COLUMN sealedresponse TEXT;
ALTER TABLE run_event ADD COLUMN sealed TEXT;
