#!/bin/sh
# A machine that only sends: everything goes to a smart host, with a login. Debian 12.
set -eu
export DEBIAN_FRONTEND=noninteractive
echo web7.sat.test >/etc/mailname
echo 'postfix postfix/main_mailer_type select Satellite system' | debconf-set-selections
apt-get update -q
apt-get install -y -q --no-install-recommends postfix libsasl2-modules ca-certificates
cat >/etc/postfix/main.cf <<'END'
compatibility_level = 3.6
myhostname = web7.sat.test
myorigin = /etc/mailname
mydestination = $myhostname, localhost.$mydomain, localhost
inet_interfaces = loopback-only
relayhost = [smart.sat.test]:587
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd
smtp_sasl_security_options = noanonymous
smtp_tls_security_level = encrypt
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
smtp_generic_maps = hash:/etc/postfix/generic
mailbox_size_limit = 51200000
END
printf '[smart.sat.test]:587   web7@sat.test:seventeen blue kites\n' >/etc/postfix/sasl_passwd
chmod 0600 /etc/postfix/sasl_passwd
printf 'www-data@web7.sat.test   shop@sat.test\n' >/etc/postfix/generic
postmap /etc/postfix/sasl_passwd /etc/postfix/generic
printf 'root: ops@sat.test\nwww-data: root\n' >/etc/aliases
newaliases
systemctl restart postfix
