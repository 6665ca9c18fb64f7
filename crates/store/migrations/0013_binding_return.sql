-- Until when a binding that was tested goes back to the one before it when nobody accepts its connection.
ALTER TABLE connectionreference ADD COLUMN returnuntil BIGINT;
