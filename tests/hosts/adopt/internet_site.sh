#!/bin/sh
# Debian's "Internet Site": people are accounts of the system, their mail is in /var/mail (mbox),
# Dovecot asks PAM. One of them has a Maildir, one sends everything on. Debian 12, Dovecot 2.3.
set -eu
export DEBIAN_FRONTEND=noninteractive
echo site.test >/etc/mailname
echo 'postfix postfix/main_mailer_type select Internet Site' | debconf-set-selections
echo 'postfix postfix/mailname string site.test' | debconf-set-selections
apt-get update -q
apt-get install -y -q --no-install-recommends postfix dovecot-imapd dovecot-pop3d ssl-cert
# shellcheck disable=SC2016 # Postfix's variables
postconf -e 'myhostname = mail.site.test' 'mydestination = $myhostname, site.test, site2.test, localhost' \
  'inet_protocols = all' 'home_mailbox =' 'smtpd_sasl_type = dovecot' 'smtpd_sasl_path = private/auth' \
  'smtpd_sasl_auth_enable = yes'
cat >>/etc/postfix/main.cf <<'END'

# later
smtpd_relay_restrictions = permit_mynetworks
	permit_sasl_authenticated
	defer_unauth_destination
virtual_alias_domains = shop.test
virtual_alias_maps = inline:{ { orders@shop.test = carla }, { help@shop.test = dora, carla } }
END
cat >>/etc/postfix/master.cf <<'END'
submission inet n       -       y       -       -       smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
END
for name in carla:'carla climbs trees' dora:'dora draws maps' emil:'emil eats plums'; do
  useradd -m -s /bin/bash "${name%%:*}"
  printf '%s:%s\n' "${name%%:*}" "${name#*:}" | chpasswd
done
usermod -a -G mail carla
printf 'postmaster:    root\nroot: carla\nstaff: carla,\n   dora\narchive: /var/log/archive.mbox\n' >/etc/aliases
newaliases
printf 'emil@elsewhere.test\n\\emil\n' >/home/emil/.forward
chown emil: /home/emil/.forward
cat >/etc/dovecot/conf.d/99-ours.conf <<'END'
auth_username_format = %n
mail_privileged_group = mail
pop3_uidl_format = %08Xu%08Xv
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
END
postfix check
systemctl restart postfix dovecot
