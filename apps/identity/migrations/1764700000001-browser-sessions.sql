-- A login session that a browser keeps in a cookie: its refresh tokens are good at once, and at the routes for cookies alone.
alter table token_family add column if not exists in_browser boolean not null default false;
