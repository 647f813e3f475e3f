#!/bin/sh
# A mail server made by hand in 2023: virtual users in flat files, OpenDKIM, a catch-all, a private
# certificate. Debian 12, Dovecot 2.3. Its writer indents as they like and continues lines.
set -eu
export DEBIAN_FRONTEND=noninteractive
echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
apt-get update -q
apt-get install -y -q --no-install-recommends postfix postfix-pcre dovecot-imapd dovecot-lmtpd dovecot-sieve \
  opendkim opendkim-tools openssl ca-certificates
echo mx.flat.test >/etc/mailname
groupadd -g 5000 vmail
useradd -u 5000 -g vmail -d /srv/vmail -s /usr/sbin/nologin vmail
install -d -o vmail -g vmail -m 0770 /srv/vmail

cat >/etc/postfix/main.cf <<'END'
# main.cf of mx.flat.test
compatibility_level=3.6
	# an indented comment continues nothing

myhostname   =   mx.flat.test
myorigin = /etc/mailname
mydestination = localhost.localdomain,
    localhost
  , $myhostname
mynetworks = 127.0.0.0/8
# a comment within a value
	[::1]/128,   10.8.0.0/24
inet_interfaces=all
smtpd_banner = $myhostname ESMTP
append_dot_mydomain = no
biff = no
virtual_mailbox_domains = hash:/etc/postfix/vdomains
virtual_mailbox_maps = hash:/etc/postfix/vmailboxes
virtual_alias_maps = hash:/etc/postfix/virtual pcre:/etc/postfix/virtual.pcre
virtual_transport = lmtp:unix:private/dovecot-lmtp
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
message_size_limit   = 41943040
mailbox_size_limit = 0
recipient_delimiter = +
header_checks = pcre:$config_directory/header_checks
transport_maps = hash:/etc/postfix/transport
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_auth_enable = yes
smtpd_tls_cert_file = /etc/ssl/mx.flat.test.pem
smtpd_tls_key_file  = /etc/ssl/private/mx.flat.test.key
smtpd_use_tls = yes
smtpd_tls_security_level = may
smtpd_tls_protocols = !SSLv2, !SSLv3
smtp_tls_security_level = may
smtpd_recipient_restrictions =
    permit_mynetworks,
    permit_sasl_authenticated,
    reject_unauth_destination,
    check_sender_access hash:/etc/postfix/sender_access,
    check_client_access cidr:/etc/postfix/client_access,
    permit
milter_protocol = 6
milter_default_action = accept
smtpd_milters = inet:localhost:8891
non_smtpd_milters = inet:localhost:8891
END
cat >/etc/postfix/master.cf <<'END'
smtp      inet  n       -       y       -       -       smtpd
# people's programs
submission inet n       -       y       -       -       smtpd
    -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  # logins only
  -o { smtpd_client_restrictions = permit_sasl_authenticated, reject }
  -o smtpd_client_connection_count_limit=15
2525      inet  n       -       y       -       -       smtpd -o syslog_name=postfix/alternative
	-o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes
	-o smtpd_relay_restrictions=permit_sasl_authenticated,reject
pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       y       1000?   1       tlsmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
bounce    unix  -       -       y       -       0       bounce
defer     unix  -       -       y       -       0       bounce
trace     unix  -       -       y       -       0       bounce
verify    unix  -       -       y       -       1       verify
flush     unix  n       -       y       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       y       -       -       smtp
relay     unix  -       -       y       -       -       smtp
        -o syslog_name=postfix/$service_name
showq     unix  n       -       y       -       -       showq
error     unix  -       -       y       -       -       error
retry     unix  -       -       y       -       -       error
discard   unix  -       -       y       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       y       -       -       lmtp
anvil     unix  -       -       y       -       1       anvil
scache    unix  -       -       y       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}
END
printf 'flat.test   OK\nother.test\tOK\n' >/etc/postfix/vdomains
cat >/etc/postfix/vmailboxes <<'END'
# address           folder
anna@flat.test      flat.test/anna/
ben@flat.test
    flat.test/ben/
anna@other.test	other.test/anna/
END
cat >/etc/postfix/virtual <<'END'
info@flat.test   anna@flat.test,
                 ben@flat.test
# everything else
@flat.test       ben@flat.test
anna@flat.test   anna@flat.test
sales@other.test anna, someone@elsewhere.test
END
printf '/^(.+)-news@flat\\.test$/  anna@flat.test\n' >/etc/postfix/virtual.pcre
printf '/^Received: .*\\[10\\.8\\./  IGNORE\n' >/etc/postfix/header_checks
printf 'partner.test  smtp:[192.0.2.25]:26\n' >/etc/postfix/transport
printf 'spam@bad.test  REJECT no\n' >/etc/postfix/sender_access
printf '198.51.100.0/24  REJECT not from there\n' >/etc/postfix/client_access
for table in vdomains vmailboxes virtual transport sender_access; do postmap "/etc/postfix/$table"; done
printf 'postmaster: root\nroot: anna@flat.test\nclerk:   "|/usr/local/bin/clerk --file"\n' >/etc/aliases
newaliases

openssl req -x509 -newkey rsa:2048 -nodes -days 900 -subj /CN=mx.flat.test \
  -addext subjectAltName=DNS:mx.flat.test,DNS:imap.flat.test \
  -keyout /etc/ssl/private/mx.flat.test.key -out /etc/ssl/mx.flat.test.pem 2>/dev/null

cat >/etc/dovecot/dovecot.conf <<'END'
protocols = imap lmtp
!include local.d/*.conf
!include_try /etc/dovecot/missing.conf
END
mkdir -p /etc/dovecot/local.d
cat >/etc/dovecot/local.d/mail.conf <<'END'
mail_location=maildir:/srv/vmail/%d/%n
mail_max_userip_connections =   25
namespace inbox {
    inbox = yes
    separator = .
    prefix = INBOX.
    mailbox "Sent Messages" { 
        special_use = \Sent
    }
}
passdb {
   driver = passwd-file
   args   = scheme=SHA512-CRYPT username_format=%u /etc/dovecot/passwd
}
userdb {
   driver = static
   args = uid=vmail gid=vmail home=/srv/vmail/%d/%n
}
service lmtp { 
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    mode = 0600
    user = postfix
    group = postfix
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
ssl = required
ssl_cert = </etc/ssl/mx.flat.test.pem
ssl_key = </etc/ssl/private/mx.flat.test.key
protocol lmtp {
  mail_plugins = $mail_plugins sieve
  postmaster_address = anna@flat.test
}
plugin {
  sieve = file:~/sieve;active=~/.dovecot.sieve
}
END
{
  echo "anna@flat.test:$(doveadm pw -s SHA512-CRYPT -p 'anna keeps bees')::::::"
  echo "ben@flat.test:$(doveadm pw -s SHA512-CRYPT -p 'ben mends bikes' | sed 's/^{[^}]*}//')::::::"
  echo "anna@other.test:{PLAIN}anna sells honey::::::"
} >/etc/dovecot/passwd
chown root:dovecot /etc/dovecot/passwd
chmod 0640 /etc/dovecot/passwd

mkdir -p /etc/opendkim/keys
opendkim-genkey -b 2048 -d flat.test -s y2023 -D /etc/opendkim/keys
opendkim-genkey -b 2048 -d other.test -s old -D /etc/opendkim/keys
chown -R opendkim:opendkim /etc/opendkim/keys
cat >/etc/opendkim.conf <<'END'
Syslog          yes
Mode            sv
KeyTable        /etc/opendkim/key.table
SigningTable    refile:/etc/opendkim/signing.table
Socket          inet:8891@localhost
UserID          opendkim
PidFile         /run/opendkim/opendkim.pid
END
cat >/etc/opendkim/key.table <<'END'
flat    flat.test:y2023:/etc/opendkim/keys/y2023.private
other   other.test:old:/etc/opendkim/keys/old.private
END
printf '*@flat.test flat\n*@other.test   other\n' >/etc/opendkim/signing.table
systemctl restart opendkim postfix dovecot
