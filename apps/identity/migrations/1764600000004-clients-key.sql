-- Of the key by which such a client said who it is: its tokens end with that key.
alter table token_family add column if not exists key_fingerprint text;
