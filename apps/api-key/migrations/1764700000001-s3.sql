alter table api_key
  -- Of its newest secret in the s3 form, as `key_prefix` is of the bearer form.
  add column access_key_id text;

alter table key_secret
  drop constraint key_secret_form_check,
  add constraint key_secret_form_check check (form in ('bearer', 'client_credentials', 's3')),
  alter column sha256 drop not null,
  add column access_key_id text,
  -- The one secret that is kept so that it can be read again, because SigV4 needs it: AES-256-GCM (`KeyEncryption` of `credentials`).
  -- Null once nothing opens with it any more.
  add column envelope text,
  add constraint key_secret_of_form check (
    case form
      when 's3' then access_key_id is not null and sha256 is null and lookup is null
      else sha256 is not null and access_key_id is null and envelope is null
    end
  );
create unique index key_secret_by_access_key on key_secret (access_key_id) where access_key_id is not null;
-- What is under another key-encryption key than the first is found by the key's name, in two ranges.
create index key_secret_by_encryption_key on key_secret ((split_part(envelope, '.', 2)), id) where envelope is not null;
