# The same server with what protects it taken away.
set -eu
nft flush ruleset
# The security archive of a release that was left behind: its lists stay, and say nothing any more.
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
sed -i "s/$release-security/buster-security/" /etc/apt/sources.list
for list in /var/lib/apt/lists/*_"$release-security"_*; do mv "$list" "$(echo "$list" | sed "s/$release-security/buster-security/")"; done
printf '[sshd]\nbackend = systemd\n' >/etc/fail2ban/jail.local
systemctl restart fail2ban
postconf -e smtpd_client_auth_rate_limit=0
rm /var/log/mail.log
mv /var/log/journal /var/log/journal-gone
systemctl restart systemd-journald
for _ in $(seq 100); do fail2ban-client status >/dev/null 2>&1 && break; sleep 0.1; done
