#!/bin/sh
# Virtual users in MariaDB, Dovecot's LMTP and Sieve, ManageSieve, quotas: as popular guides teach it.
# Debian 12, Dovecot 2.3.
set -eu
export DEBIAN_FRONTEND=noninteractive
echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
apt-get update -q
apt-get install -y -q --no-install-recommends mariadb-server postfix postfix-mysql dovecot-imapd dovecot-pop3d \
  dovecot-lmtpd dovecot-mysql dovecot-sieve dovecot-managesieved ssl-cert
groupadd -g 5000 vmail
useradd -g vmail -u 5000 vmail -d /var/mail -s /usr/sbin/nologin
mkdir -p /var/mail/vhosts
chown -R vmail:vmail /var/mail/vhosts
systemctl start mariadb
mysql <<END
CREATE DATABASE mailserver CHARACTER SET utf8mb4;
CREATE USER mailuser@127.0.0.1 IDENTIFIED BY 'p#ssword=7';
GRANT SELECT ON mailserver.* TO mailuser@127.0.0.1;
USE mailserver;
CREATE TABLE virtual_domains (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL);
CREATE TABLE virtual_users (id INT AUTO_INCREMENT PRIMARY KEY, domain_id INT NOT NULL, email VARCHAR(100) NOT NULL,
  password VARCHAR(150) NOT NULL, quota BIGINT NOT NULL DEFAULT 0);
CREATE TABLE virtual_aliases (id INT AUTO_INCREMENT PRIMARY KEY, domain_id INT NOT NULL, source VARCHAR(100) NOT NULL,
  destination VARCHAR(100) NOT NULL);
CREATE TABLE visits (id INT, note TEXT);
INSERT INTO virtual_domains (name) VALUES ('maria.test'), ('db.test');
INSERT INTO virtual_users (domain_id, email, password, quota) VALUES
  (1, 'frida@maria.test', '$(doveadm pw -s BLF-CRYPT -p 'frida folds paper')', 2147483648),
  (2, 'Gustav@db.test', '$(doveadm pw -s PLAIN-MD5 -p 'gustav grows figs')', 0);
INSERT INTO virtual_aliases (domain_id, source, destination) VALUES
  (1, 'office@maria.test', 'frida@maria.test'), (1, 'office@maria.test', 'away@elsewhere.test'),
  (2, '@db.test', 'gustav@db.test');
END
for name in domains:'SELECT 1 FROM virtual_domains WHERE name='"'%s'" \
  users:'SELECT 1 FROM virtual_users WHERE email='"'%s'" \
  aliases:'SELECT destination FROM virtual_aliases WHERE source='"'%s'"; do
  cat >"/etc/postfix/mysql-${name%%:*}.cf" <<END
user =  mailuser
password = p#ssword=7
hosts = 127.0.0.1
dbname = mailserver
query = ${name#*:}
END
  chmod 0640 "/etc/postfix/mysql-${name%%:*}.cf"
  chgrp postfix "/etc/postfix/mysql-${name%%:*}.cf"
done
cat >/etc/postfix/main.cf <<'END'
compatibility_level = 3.6
myhostname = mail.maria.test
mydestination = localhost
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
virtual_mailbox_domains = mysql:/etc/postfix/mysql-domains.cf
virtual_mailbox_maps = proxy:mysql:/etc/postfix/mysql-users.cf
virtual_alias_maps = mysql:/etc/postfix/mysql-aliases.cf
virtual_transport = lmtp:unix:private/dovecot-lmtp
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_auth_enable = yes
smtpd_tls_cert_file = /etc/ssl/certs/ssl-cert-snakeoil.pem
smtpd_tls_key_file = /etc/ssl/private/ssl-cert-snakeoil.key
smtpd_tls_auth_only = yes
smtpd_helo_required = yes
smtpd_recipient_restrictions = reject_unauth_destination
   check_policy_service unix:private/quota-status
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
END
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
postconf -M submission/inet='submission inet n - y - - smtpd' smtps/inet='smtps inet n - y - - smtpd'
postconf -P submission/inet/smtpd_tls_security_level=encrypt submission/inet/smtpd_sasl_auth_enable=yes \
  smtps/inet/smtpd_tls_wrappermode=yes smtps/inet/smtpd_sasl_auth_enable=yes
cat >/etc/dovecot/dovecot-sql.conf.ext <<'END'
driver = mysql
connect = "host=127.0.0.1 dbname=mailserver user=mailuser password=p#ssword=7"
default_pass_scheme = SHA256-CRYPT
password_query = SELECT email as user, password, CONCAT('*:bytes=', quota) AS userdb_quota_rule \
  FROM virtual_users WHERE email='%u'
user_query = SELECT 5000 AS uid, 5000 AS gid, '/var/mail/vhosts/%d/%n' AS home, \
  CONCAT('*:bytes=', quota) AS quota_rule FROM virtual_users WHERE email='%u'
iterate_query = SELECT email AS user FROM virtual_users
END
chmod 0600 /etc/dovecot/dovecot-sql.conf.ext
sed -i 's/^!include auth-system/#&/; s/^#!include auth-sql/!include auth-sql/' /etc/dovecot/conf.d/10-auth.conf
cat >/etc/dovecot/conf.d/99-ours.conf <<'END'
mail_location = maildir:~/Maildir
mail_plugins = $mail_plugins quota
auth_mechanisms = plain login
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    group = postfix
    mode = 0600
    user = postfix
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
service quota-status {
  executable = /usr/lib/dovecot/quota-status -p postfix
  unix_listener /var/spool/postfix/private/quota-status {
    user = postfix
  }
}
protocol lmtp {
  mail_plugins = $mail_plugins sieve
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_status_success = DUNNO
  quota_status_overquota = "452 4.2.2 Mailbox is full"
  sieve_before = /etc/dovecot/sieve-before
}
END
mkdir -p /etc/dovecot/sieve-before
printf 'require ["fileinto"];\nif header :contains "X-Spam-Flag" "YES" { fileinto "Junk"; }\n' \
  >/etc/dovecot/sieve-before/spam.sieve
sievec /etc/dovecot/sieve-before/spam.sieve
systemctl restart postfix dovecot
install -d -o vmail -g vmail -m 0700 /var/mail/vhosts/maria.test /var/mail/vhosts/maria.test/frida
printf 'require "fileinto";\nif header :contains "subject" "invoice" { fileinto :create "Bills"; }\n' \
  >/var/mail/vhosts/maria.test/frida/.dovecot.sieve
chown vmail: /var/mail/vhosts/maria.test/frida/.dovecot.sieve
