# The same server with each fault mended.
set -eu
chmod 600 /etc/ssl/mail.key /etc/postfix/sasl_passwd /etc/dovecot/users
chmod 644 /etc/postfix/master.cf
cp /root/made/good.pem /etc/ssl/mail.pem
postconf -e message_size_limit=52428800 smtpd_client_auth_rate_limit=60
postsuper -d ALL 2>/dev/null
rm -f /var/spool/postfix/corrupt/ABCDEF
chmod 730 /var/spool/postfix/maildrop
systemctl restart postfix dovecot
umount /var/vmail /srv/vmail
rm /etc/apt/apt.conf.d/99handmade /etc/apt/sources.list.d/handmade.list
rm /etc/os-release /run/reboot-required /usr/local/sbin/systemd-detect-virt /usr/local/sbin/timedatectl
ln -s ../usr/lib/os-release /etc/os-release
touch /var/lib/apt/lists/partial
dpkg -P postfix-handmade
systemctl stop handmade-smtpd handmade-panel
sed -i 's/^bind .*/bind 127.0.0.1/' /etc/redis/redis.conf
systemctl restart redis-server
nft flush ruleset
nft -f - <<'END'
table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iif lo accept
    tcp dport { 22, 25, 587, 993 } accept
  }
}
END
systemctl enable -q nftables
rm /etc/ssh/sshd_config.d/handmade.conf
passwd -q -l alice
passwd -q -l bob
rm /etc/systemd/system/sshguard.service
printf '[Unit]\nDescription=renew\n[Service]\nType=oneshot\nExecStart=/bin/true\n' >/etc/systemd/system/certbot.service
printf '[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n' >/etc/systemd/system/certbot.timer
mkdir -p /etc/letsencrypt/renewal-hooks/deploy
printf '#!/bin/sh\nsystemctl reload postfix dovecot\n' >/etc/letsencrypt/renewal-hooks/deploy/mail
chmod +x /etc/letsencrypt/renewal-hooks/deploy/mail
systemctl daemon-reload
systemctl start certbot.service certbot.timer
systemctl reset-failed
now=$(date '+%b %e %H:%M:%S')
{
  for number in $(seq 60); do
    echo "$now mail postfix/smtp[96]: DEF$number: to=<x@elsewhere.test>, relay=mx.elsewhere.test[192.0.2.25]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok)"
  done
  echo "$now mail dovecot: imap-login: Login: user=<alice>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1, mpid=78, TLS, session=<c>"
  echo "$now mail dovecot: imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<alice>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1, TLS, session=<a>"
} >/var/log/mail.log
