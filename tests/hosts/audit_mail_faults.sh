#!/bin/sh
# Sets a host's Postfix and Dovecot up as wrongly as it goes: one fault for each check. RELEASE is in $1.
set -eu
cat >/etc/postfix/main.cf <<'END'
# Set up in a hurry.
myhostname = localhost
mydestination = $myhostname, shop.test
mynetworks = 127.0.0.0/8,
    0.0.0.0/0
smtpd_banner = $myhostname ESMTP Postfix 3.7.11 (Debian/GNU)
smtpd_relay_restrictions = permit
smtpd_sender_restrictions = check_sender_access hash:/etc/postfix/friends
smtpd_client_restrictions = permit_tls_all_clientcerts
smtpd_sasl_auth_enable = yes
smtpd_tls_security_level = none
smtpd_tls_auth_only = no
smtpd_tls_mandatory_protocols = !SSLv2
smtpd_tls_mandatory_ciphers = low
smtpd_tls_cert_file = /etc/ssl/certs/gone.pem
smtpd_tls_key_file = /etc/ssl/private/gone.key
smtp_tls_security_level = none
smtpd_forbid_bare_newline = no
disable_vrfy_command = no
smtpd_helo_required = no
compatibility_level = 0
smtpd_enable_unknown_thing = yes
message_size_limit = 0
mailbox_size_limit = 51200000
local_recipient_maps =
soft_bounce = yes
defer_transports = smtp
debug_peer_list = 192.0.2.1
always_bcc = boss@shop.test
smtpd_milters = inet:127.0.0.1:11332
milter_default_action = accept
virtual_mailbox_domains = hash:/etc/postfix/domains
virtual_mailbox_maps = hash:/etc/postfix/gone
virtual_alias_maps = hash:/etc/postfix/aliases-of-people
smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd
smtp_sasl_mechanism_filter = plain
virtual_uid_maps = static:5000
notify_classes = bounce
inet_protocols = ipv4
smtp_tls_policy_maps = inline:{ relay.test = encrypt, hunter2.test = none }
END
printf 'submission inet n - y - - smtpd\n  -o smtpd_tls_security_level=may\n' >>/etc/postfix/master.cf
echo 'friend.test OK' >/etc/postfix/friends
echo 'shop.test x' >/etc/postfix/domains
printf 'info@shop.test ann\n@shop.test ann@elsewhere.test\n' >/etc/postfix/aliases-of-people
echo 'relay.test ann:hunter2' >/etc/postfix/sasl_passwd
for table in friends domains aliases-of-people sasl_passwd; do postmap "hash:/etc/postfix/$table"; done
touch -d '1 hour ago' /etc/postfix/domains.db
chmod 666 /etc/postfix/aliases-of-people
chmod 644 /etc/postfix/sasl_passwd

ip addr add 2001:db8::5/64 dev "$(ip -o route show default | sed 's/.* dev \([^ ]*\).*/\1/')" nodad

mkdir -p /etc/dovecot
cat >/etc/dovecot/users <<'END'
ann:{PLAIN}hunter2
bob:{SHA512-CRYPT}$6$salt$hunter2hashhunter2hash
cid:{SHA512-CRYPT}$6$salt$hunter2hashhunter2hash
dan:{MD5}hunter2
eve:::::::nopassword=y
END
usermod -p '' games
sed -i 's/^games:[^:]*:/games::/' /etc/shadow

{
  [ "$1" = bookworm ] || printf 'dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n'
  cat <<'END'
protocols = imap lmtp
ssl = yes
ssl_min_protocol = TLSv1
ssl_cipher_list = ALL:RC4-SHA:RC4:!aNULL
auth_mechanisms = plain cram-md5
auth_debug_passwords = yes
mail_debug = yes
login_trusted_networks = 10.0.0.0/8
first_valid_uid = 1
mail_access_groups = mail
mail_max_userip_connections = 0
service doveadm {
  inet_listener doveadm {
    port = 24245
  }
}
service lmtp {
  inet_listener lmtp {
    port = 24
  }
}
service auth {
  unix_listener auth-client {
    mode = 0666
  }
}
END
  if [ "$1" = bookworm ]; then
    cat <<'END'
disable_plaintext_auth = no
ssl_protocols = !SSLv3
ssl_cert = </etc/ssl/certs/gone.pem
mail_location = maildir:~/Maildir
passdb {
  driver = passwd-file
  args = scheme=PLAIN /etc/dovecot/users
}
passdb {
  driver = passwd-file
  args = /etc/dovecot/masters
  master = yes
}
passdb {
  driver = static
  args = password=hunter2
}
userdb {
  driver = static
  args = uid=5000 gid=5000 home=/srv/mail/%u allow_all_users=yes
}
END
  else
    cat <<'END'
auth_allow_cleartext = yes
ssl_server_cert_file = /etc/ssl/certs/gone.pem
mail_driver = maildir
passdb passwd-file {
  passwd_file_path = /etc/dovecot/users
  default_password_scheme = PLAIN
}
passdb masters {
  driver = passwd-file
  passwd_file_path = /etc/dovecot/masters
  master = yes
}
passdb static {
  password = hunter2
}
userdb static {
  allow_all_users = yes
}
END
  fi
} >/etc/dovecot/dovecot.conf
