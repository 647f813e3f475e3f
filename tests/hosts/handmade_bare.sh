# The same server with what protects it taken away.
set -eu
nft flush ruleset
# Of the security archive, that of a release which was left behind.
sed -i "s/$(. /etc/os-release && echo "$VERSION_CODENAME")-security/buster-security/" /etc/apt/sources.list
printf '[sshd]\nbackend = systemd\n' >/etc/fail2ban/jail.local
systemctl restart fail2ban
postconf -e smtpd_client_auth_rate_limit=0
rm /var/log/mail.log
mv /var/log/journal /var/log/journal-gone
systemctl restart systemd-journald
for _ in $(seq 100); do fail2ban-client status >/dev/null 2>&1 && break; sleep 0.1; done
