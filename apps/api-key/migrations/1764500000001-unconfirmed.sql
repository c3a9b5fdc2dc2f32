-- Found again by whoever finishes what another process has left: few rows at any time, whatever the number of keys.
create index api_key_revocation_unconfirmed on api_key (revoked_seq) where revoked_seq is not null and enforced_at is null;
create index api_key_change_unconfirmed on api_key (changed_seq) where changed_seq is not null and change_enforced_at is null;
