-- What a custom connector's files hold beside its parameters, sets and policies: a JSON object.
ALTER TABLE connector ADD COLUMN properties TEXT;
