#!/bin/sh
# The same host as an admin would leave it who has read every finding. RELEASE is in $1.
set -eu
cat >/etc/postfix/main.cf <<'END'
compatibility_level = 3.6
myhostname = mx1.shop.test
mydestination = localhost
mynetworks = 127.0.0.0/8 [::1]/128
smtpd_banner = $myhostname ESMTP
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated,
    reject_unauth_destination
smtpd_sender_restrictions = reject_sender_login_mismatch,
    check_sender_access hash:/etc/postfix/friends
smtpd_sender_login_maps = hash:/etc/postfix/senders
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_protocols = >=TLSv1.2
smtpd_tls_mandatory_protocols = !SSLv2, !SSLv3, !TLSv1, !TLSv1.1
smtpd_tls_mandatory_ciphers = high
smtpd_tls_chain_files = /etc/ssl/private/ssl-cert-snakeoil.key, /etc/ssl/certs/ssl-cert-snakeoil.pem
smtp_tls_security_level = may
smtpd_forbid_bare_newline = normalize
disable_vrfy_command = yes
smtpd_helo_required = yes
message_size_limit = 51200000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
smtpd_client_auth_rate_limit = 60
smtpd_milters = inet:127.0.0.1:11332
milter_default_action = tempfail
virtual_mailbox_domains = hash:/etc/postfix/domains
virtual_mailbox_maps = hash:/etc/postfix/aliases-of-people
virtual_alias_maps = hash:/etc/postfix/aliases-of-people
smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd
smtp_sasl_mechanism_filter = plain
END
sed -i '/^submission/,$d' /etc/postfix/master.cf
cat >>/etc/postfix/master.cf <<'END'
submission inet n - y - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o { smtpd_sasl_auth_enable = yes }
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
END
echo 'friend.test DUNNO' >/etc/postfix/friends
printf 'info@shop.test ann\n@shop.test ann@shop.test\n' >/etc/postfix/aliases-of-people
echo 'ann@shop.test ann' >/etc/postfix/senders
chmod 644 /etc/postfix/aliases-of-people
chmod 600 /etc/postfix/sasl_passwd
for table in friends domains aliases-of-people senders sasl_passwd; do postmap "hash:/etc/postfix/$table"; done

cat >/etc/dovecot/users <<'END'
ann:{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$YQ$hunter2
bob:$6$salt$hunter2hashhunter2hash
cid:{BLF-CRYPT}$2y$05$hunter2hashhunter2hash
END
sed -i 's/^games:[^:]*:/games:*:/' /etc/shadow

{
  [ "$1" = bookworm ] || printf 'dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n'
  cat <<'END'
protocols = imap lmtp
ssl = required
ssl_min_protocol = TLSv1.2
auth_mechanisms = plain login
first_valid_uid = 1000
mail_max_userip_connections = 20
service lmtp {
  inet_listener lmtp {
    port = 24
    LISTEN = 127.0.0.1
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0666
  }
}
END
  if [ "$1" = bookworm ]; then
    cat <<'END'
mail_plugins = quota
ssl_cert = </etc/ssl/certs/ssl-cert-snakeoil.pem
ssl_key = </etc/ssl/private/ssl-cert-snakeoil.key
mail_location = maildir:~/Maildir
passdb {
  driver = passwd-file
  args = scheme=ARGON2ID /etc/dovecot/users
}
userdb {
  driver = static
  args = uid=5000 gid=5000 home=/srv/mail/%u
}
END
  else
    cat <<'END'
mail_plugins {
  quota = yes
}
ssl_server_cert_file = /etc/ssl/certs/ssl-cert-snakeoil.pem
ssl_server_key_file = /etc/ssl/private/ssl-cert-snakeoil.key
mail_driver = maildir
passdb passwd-file {
  passwd_file_path = /etc/dovecot/users
  default_password_scheme = ARGON2ID
}
userdb static {
  fields {
    uid = 5000
  }
}
END
  fi
} >/etc/dovecot/dovecot.conf
case $1 in bookworm) word=address ;; *) word=listen ;; esac
sed -i "s/LISTEN/$word/" /etc/dovecot/dovecot.conf
