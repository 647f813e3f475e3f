#!/bin/sh
# A machine that was set up on Debian 8 and upgraded ever since, with what that leaves behind: parameters
# of other times, some of them twice, old copies, services nobody uses. Maildir in the homes. Debian 12.
set -eu
export DEBIAN_FRONTEND=noninteractive
echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
apt-get update -q
apt-get install -y -q --no-install-recommends postfix dovecot-imapd dovecot-pop3d ssl-cert
cat >/etc/postfix/main.cf <<'END'
# See /usr/share/postfix/main.cf.dist for a commented, more complete version
smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
biff = no
append_dot_mydomain = no
readme_directory = no
# TLS parameters
smtpd_tls_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem
smtpd_tls_key_file=/etc/ssl/private/ssl-cert-snakeoil.key
smtpd_use_tls=yes
smtpd_tls_session_cache_database = btree:${data_directory}/smtpd_scache
smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache
smtpd_tls_dh1024_param_file = /etc/postfix/dh1024.pem
myhostname = alt.old.test
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
myorigin = $mydomain
mydestination = alt.old.test, old.test, localhost
relayhost =
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mailbox_size_limit = 0
message_size_limit = 10240000
message_size_limit = 26214400
recipient_delimiter = +
inet_interfaces = all
mailbox_command =
home_mailbox = Maildir/
virtual_maps = hash:/etc/postfix/virtual
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
broken_sasl_auth_clients = yes
smtpd_sasl_local_domain =
smtpd_restriction_classes = nobulk
nobulk = check_sender_access hash:/etc/postfix/bulk
smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination,
   reject_rbl_client zen.dnsbl.test, reject_maps_rbl
maps_rbl_domains = rbl.dnsbl.test
smtp_use_tls = yes
disable_dns_lookups = no
smtpd_helo_requierd = yes
END
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
cat >>/etc/postfix/master.cf <<'END'
smtps     inet  n       -       -       -       -       smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_enforce_tls=yes
END
echo 'boss@old.test  hugo' >/etc/postfix/virtual
echo 'bulk@list.test REJECT' >/etc/postfix/bulk
postmap /etc/postfix/virtual /etc/postfix/bulk
cp /etc/postfix/main.cf /etc/postfix/main.cf.dpkg-old
cp /etc/postfix/master.cf /etc/postfix/master.cf.bak-2017
touch /etc/dovecot/dovecot.conf.ucf-dist
useradd -m -s /bin/sh hugo
# A password of 2015: MD5-crypt.
usermod -p "$(openssl passwd -1 -salt old2015x 'hugo hums tunes')" hugo
printf 'root: hugo\npostmaster: root\nlist: :include:/etc/postfix/list-members\n' >/etc/aliases
printf 'hugo\nout@elsewhere.test\n' >/etc/postfix/list-members
newaliases
sed -i 's/^mail_location.*/mail_location = maildir:~\/Maildir/' /etc/dovecot/conf.d/10-mail.conf
sed -i 's/^#disable_plaintext_auth.*/disable_plaintext_auth = no/; s/^auth_mechanisms.*/auth_mechanisms = plain login/' \
  /etc/dovecot/conf.d/10-auth.conf
cat >>/etc/dovecot/conf.d/10-ssl.conf <<'END'
ssl_protocols = !SSLv3
END
sed -i 's/^ssl_protocols.*/ssl_min_protocol = TLSv1/' /etc/dovecot/conf.d/10-ssl.conf
cat >>/etc/dovecot/conf.d/10-master.conf <<'END'
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
END
systemctl restart postfix dovecot
