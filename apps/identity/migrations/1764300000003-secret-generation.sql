-- Of the client secret that a key's tokens were got with: they are good as long as a secret of it is. Null: got before this was kept.
alter table token_family add column secret_generation integer;
