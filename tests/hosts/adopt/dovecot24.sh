#!/bin/sh
# A Dovecot 2.4 made by hand on Debian 13: virtual users in a passwd-file with homes and quotas of their
# own, mdbox, a master.cf with a second port, Rspamd that signs.
set -eu
export DEBIAN_FRONTEND=noninteractive
echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
apt-get update -q
apt-get install -y -q --no-install-recommends postfix dovecot-imapd dovecot-lmtpd dovecot-sieve rspamd ssl-cert openssl
groupadd -g 2000 mailusers
useradd -u 2000 -g mailusers -d /srv/mail -s /usr/sbin/nologin mailowner
install -d -o mailowner -g mailusers -m 0750 /srv/mail
cat >/etc/postfix/main.cf <<'END'
compatibility_level = 3.10
myhostname = mx.new.test
mydestination =
virtual_mailbox_domains = new.test
virtual_mailbox_maps = texthash:/etc/postfix/boxes
virtual_alias_maps = texthash:/etc/postfix/forwards
virtual_transport = lmtp:unix:private/lmtp-dovecot
smtpd_tls_chain_files = /etc/ssl/private/ssl-cert-snakeoil.key, /etc/ssl/certs/ssl-cert-snakeoil.pem
smtpd_tls_security_level = may
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_milters = inet:127.0.0.1:11332
non_smtpd_milters = $smtpd_milters
smtpd_recipient_limit = 200
message_size_limit = 31457280
mailbox_size_limit = 0
virtual_mailbox_limit = 0
always_bcc =
END
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
postconf -M submissions/inet='submissions inet n - y - - smtpd'
postconf -P submissions/inet/smtpd_tls_wrappermode=yes submissions/inet/smtpd_sasl_auth_enable=yes \
  submissions/inet/smtpd_client_restrictions=permit_sasl_authenticated,reject
printf 'ida@new.test x\njan@new.test x\n' >/etc/postfix/boxes
printf 'hello@new.test ida@new.test\n' >/etc/postfix/forwards
cat >/etc/dovecot/dovecot.conf <<'END'
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols = imap lmtp
!include /etc/dovecot/parts/*.conf
END
mkdir -p /etc/dovecot/parts
cat >/etc/dovecot/parts/mail.conf <<'END'
mail_driver = mdbox
mail_path = ~/mdbox
mail_home = /srv/mail/%{user|domain}/%{user|username|lower}
ssl = required
ssl_server_cert_file = /etc/ssl/certs/ssl-cert-snakeoil.pem
ssl_server_key_file = /etc/ssl/private/ssl-cert-snakeoil.key
first_valid_uid = 1000
namespace inbox {
  inbox = yes
  mailbox Trash {
    special_use = \Trash
    auto = create
  }
}
passdb passwd-file {
  passwd_file_path = /etc/dovecot/people
  default_password_scheme = BLF-CRYPT
}
userdb passwd-file {
  passwd_file_path = /etc/dovecot/people
  fields {
    uid:default = 2000
    gid:default = 2000
  }
}
service lmtp {
  unix_listener /var/spool/postfix/private/lmtp-dovecot {
    user = postfix
    group = postfix
    mode = 0600
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    user = postfix
    group = postfix
    mode = 0660
  }
}
mail_plugins {
  quota = yes
}
quota "User quota" {
  storage_size = 1G
}
protocol lmtp {
  mail_plugins {
    sieve = yes
  }
}
END
{
  echo "ida@new.test:$(doveadm pw -s BLF-CRYPT -p 'ida irons shirts')::::::userdb_quota_storage_size=3G"
  echo "jan@new.test:$(doveadm pw -s ARGON2ID -p 'jan juggles pins')::::/srv/mail/special/jan::"
} >/etc/dovecot/people
chown root:dovecot /etc/dovecot/people
chmod 0640 /etc/dovecot/people
mkdir -p /var/lib/rspamd/dkim
openssl genrsa -out /var/lib/rspamd/dkim/new.test.s1.key 2048 2>/dev/null
chown -R _rspamd:_rspamd /var/lib/rspamd/dkim
# shellcheck disable=SC2016 # Rspamd's variables
printf 'path = "/var/lib/rspamd/dkim/$domain.$selector.key";\nselector = "s1"; # since 2025\n' >/etc/rspamd/local.d/dkim_signing.conf
systemctl restart rspamd postfix
systemctl restart dovecot # after Postfix: its sockets lie in Postfix's queue directory
