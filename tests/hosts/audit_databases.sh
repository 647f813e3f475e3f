#!/bin/sh
# Debian 13 with passwords in PostgreSQL, in SQLite and in a passwd-file for each domain, as Dovecot 2.4 is told
# to find them. None of the databases says which users it has.
set -eu
systemctl start postgresql@17-main || systemctl start postgresql
runuser -u postgres -- psql -q <<'END'
CREATE ROLE dovecot LOGIN PASSWORD 'hunter2"s';
CREATE DATABASE mail;
\c mail
CREATE TABLE mailbox (local_part TEXT, domain TEXT, password TEXT, active BOOLEAN);
INSERT INTO mailbox VALUES
  ('ann', 'pg.test', '{BLF-CRYPT}$2y$05$hunter2', true), ('o''neill', 'pg.test', '$1$salt$hunter2', true),
  ('old', 'pg.test', '{PLAIN}hunter2', false);
GRANT SELECT ON mailbox TO dovecot;
END
rm -f /etc/dovecot/users.sqlite
sqlite3 /etc/dovecot/users.sqlite <<'END'
CREATE TABLE users (name TEXT, secret TEXT, free TEXT);
INSERT INTO users VALUES ('bob@lite.test', 'hunter2', NULL), ('cid@lite.test', 'hunter2', NULL),
  ('dan@lite.test', NULL, 'yes');
END
mkdir -p /etc/mail/files.test
echo 'eve@files.test:{SHA1}hunter2' >/etc/mail/files.test/passwd
cat >/etc/dovecot/dovecot.conf <<'END'
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols = imap
ssl = required
ssl_server_cert_file = /etc/ssl/certs/ssl-cert-snakeoil.pem
ssl_server_key_file = /etc/ssl/private/ssl-cert-snakeoil.key
mail_driver = maildir
sql_driver = pgsql
pgsql localhost {
  parameters {
    user = dovecot
    password = "hunter2\"s"
    dbname = mail
  }
}
passdb sql {
  query = SELECT password FROM mailbox \
    WHERE local_part = '%{user | username | lower}' AND domain = '%{user | domain}' AND active
}
passdb second {
  driver = sql
  sql_driver = sqlite
  sqlite_path = /etc/dovecot/users.sqlite
  sql_query = SELECT secret AS password, free AS nopassword FROM users WHERE name = '%{user}'
  default_password_scheme = PLAIN
}
passdb passwd-file {
  passwd_file_path = /etc/mail/%{user | domain}/passwd
}
END
