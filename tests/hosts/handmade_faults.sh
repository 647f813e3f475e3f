# A mail server set up by hand on Debian 12 or 13, with a fault for each check of the host around it.
# Run with the certificates' folder /root/made already there: old.pem, new.pem and their key.
set -eu
release=$(. /etc/os-release && echo "$VERSION_CODENAME")

# --- Certificates and keys: an old certificate is served, a new one is on disk and about to run out.
cp /root/made/old.pem /etc/ssl/mail.pem
cp /root/made/key.pem /etc/ssl/mail.key
chmod 644 /etc/ssl/mail.key
postconf -e smtpd_tls_cert_file=/etc/ssl/mail.pem smtpd_tls_key_file=/etc/ssl/mail.key \
  smtpd_sasl_auth_enable=yes smtpd_sasl_type=dovecot smtpd_sasl_path=private/auth \
  smtp_sasl_password_maps=hash:/etc/postfix/sasl_passwd \
  defer_transports=smtp 'mynetworks=127.0.0.0/8 [::1]/128' myhostname=mail.handmade.test mydestination=handmade.test
printf '[smart.handmade.test]:587 relay:open-sesame\n' >/etc/postfix/sasl_passwd
chmod 644 /etc/postfix/sasl_passwd
case $release in
  bookworm) printf 'ssl_cert = </etc/ssl/mail.pem\nssl_key = </etc/ssl/mail.key\n' >/etc/dovecot/conf.d/99-handmade.conf ;;
  *) printf 'ssl_server_cert_file = /etc/ssl/mail.pem\nssl_server_key_file = /etc/ssl/mail.key\n' >/etc/dovecot/conf.d/99-handmade.conf ;;
esac

echo 'alice:{SHA512-CRYPT}$6$Zm5rbGFzZGY$QwN9y1cAkXl2o0Q3bqv6V7Yf4mH3GkDf5h2fXw1:5000:5000::/var/vmail/alice::' >/etc/dovecot/users
chmod 644 /etc/dovecot/users
cat >>/etc/dovecot/conf.d/99-handmade.conf <<'END'
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
END
chmod 666 /etc/postfix/master.cf
systemctl restart postfix dovecot
cp /root/made/new.pem /etc/ssl/mail.pem

# --- Disks: mail on one that is full, mail on another that can't be written.
mkdir -p /var/vmail /srv/vmail
mount -t tmpfs -o size=1m,nr_inodes=20,mode=755 mail /var/vmail
mkdir -p /var/vmail/alice/cur /var/vmail/alice/new
echo 'a letter' >/var/vmail/alice/cur/1
for number in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do : >"/var/vmail/alice/new/$number" || break; done 2>/dev/null
head -c 2000000 /dev/zero >>/var/vmail/alice/cur/1 2>/dev/null || true
mount -t tmpfs -o ro old /srv/vmail

# --- Updates: a security archive with newer packages, another from elsewhere, lists that are old, and nothing
# that installs them; a release of long ago, and an update that waits for a reboot.
archive() { # NAME LABEL SUITE PACKAGES...
  name=$1 label=$2 suite=$3 folder=/srv/archive/dists/$1
  shift 3
  mkdir -p "$folder/main/binary-amd64"
  for package; do
    printf 'Package: %s\nVersion: 999\nArchitecture: amd64\nMaintainer: x <x@handmade.test>\nFilename: %s.deb\nSize: 1\nSHA256: %064d\nDescription: x\n\n' "$package" "$package" 0
  done >"$folder/main/binary-amd64/Packages"
  {
    printf 'Origin: Debian\nLabel: %s\nSuite: %s\nCodename: %s\nArchitectures: amd64\nComponents: main\nSHA256:\n' "$label" "$suite" "$name"
    printf ' %s %s main/binary-amd64/Packages\n' "$(sha256sum "$folder/main/binary-amd64/Packages" | cut -d ' ' -f 1)" \
      "$(stat -c %s "$folder/main/binary-amd64/Packages")"
  } >"$folder/Release"
  echo "deb [trusted=yes] file:/srv/archive $name main" >>/etc/apt/sources.list.d/handmade.list
}
archive handmade-security Debian-Security stable-security postfix base-files
archive handmade-elsewhere Elsewhere elsewhere sed
cp /etc/apt/sources.list /root/sources.list
rm /etc/os-release
sed 's/^VERSION_ID=.*/VERSION_ID="10"/; s/^PRETTY_NAME=.*/PRETTY_NAME="Debian GNU\/Linux 10 (buster)"/' /usr/lib/os-release >/etc/os-release
touch /run/reboot-required
# A container has the clock of the machine beneath. What a machine says on which nothing keeps the time:
printf '#!/bin/sh\necho none\nexit 1\n' >/usr/local/sbin/systemd-detect-virt
printf '#!/bin/sh\necho NTP=no\necho NTPSynchronized=no\n' >/usr/local/sbin/timedatectl
chmod +x /usr/local/sbin/systemd-detect-virt /usr/local/sbin/timedatectl
apt-get update -q -o Dir::Etc::sourcelist=/etc/apt/sources.list.d/handmade.list -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0
touch -d '-10 days' /var/lib/apt/lists/partial
mkdir -p /root/postfix-handmade/DEBIAN
printf 'Package: postfix-handmade\nVersion: 1.0\nArchitecture: all\nMaintainer: x <x@handmade.test>\nDescription: x\n' >/root/postfix-handmade/DEBIAN/control
dpkg-deb -b /root/postfix-handmade /root/postfix-handmade.deb
dpkg -i /root/postfix-handmade.deb
echo 'APT::Periodic::Unattended-Upgrade "0";' >/etc/apt/apt.conf.d/99handmade
# A program by the name of Postfix's that runs a library which is gone.
library=/usr/lib/$(uname -m)-linux-gnu/libreplaced.so.1
cp "$(readlink -f "/usr/lib/$(uname -m)-linux-gnu/libz.so.1")" "$library"
cp /bin/sleep /usr/local/bin/smtpd
systemd-run -q --unit handmade-smtpd -E "LD_PRELOAD=$library" /usr/local/bin/smtpd infinity
for _ in $(seq 100); do grep -q libreplaced "/proc/$(systemctl show -P MainPID handmade-smtpd)/maps" && break; sleep 0.05; done
rm "$library"

# --- The network: a cache and an unknown service for all, IPv6 left open, port 25 closed outwards.
sed -i 's/^bind .*/bind 0.0.0.0/; s/^protected-mode .*/protected-mode no/' /etc/redis/redis.conf
systemctl restart redis-server
systemd-run -q --unit handmade-panel perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 1, LocalAddr => "0.0.0.0", LocalPort => 10000); sleep 1e6'
ip addr add 2001:db8::5/64 dev "$(ip -o route show default | sed 's/.* dev \([^ ]*\).*/\1/')" nodad
systemctl disable -q nftables 2>/dev/null || true
nft -f - <<'END'
table ip filter {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iif lo accept
    tcp dport { 22, 25, 587, 993, 10000 } accept
  }
  chain output { type filter hook output priority filter; policy accept; tcp dport 25 ip daddr != 127.0.0.0/8 reject; }
}
END
cat >/etc/ssh/sshd_config.d/handmade.conf <<'END'
PermitRootLogin yes
PasswordAuthentication yes
PermitEmptyPasswords yes
END
useradd -m alice
useradd -m bob
printf 'root:open-sesame\nalice:open-sesame\n' | chpasswd
passwd -q -d bob

# --- Who guesses: a jail that reads an empty log, and another guard that never starts.
: >/var/log/empty.log
cat >/etc/fail2ban/jail.local <<'END'
[sshd]
backend = systemd
[dovecot]
enabled = true
backend = polling
logpath = /var/log/empty.log
END
printf '[Unit]\nDescription=guard\n[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' >/etc/systemd/system/sshguard.service
printf '[Unit]\nDescription=renew\n[Service]\nType=oneshot\nExecStart=/bin/false\n' >/etc/systemd/system/certbot.service
systemctl daemon-reload
systemctl restart fail2ban
systemctl start certbot.service || true
for _ in $(seq 100); do fail2ban-client status dovecot >/dev/null 2>&1 && break; sleep 0.1; done

# --- The queue: mail of one sender, bounces that nobody takes, some held, some damaged, some never fetched.
smtp-source -s 5 -m 110 -f alice@handmade.test -t x@elsewhere.test 127.0.0.1:25
smtp-source -s 5 -m 120 -f '' -t y@elsewhere.test 127.0.0.1:25
for _ in $(seq 300); do [ "$(postqueue -j | grep -c '"deferred"')" -ge 230 ] && break; sleep 0.1; done
postqueue -j | sed -n '1s/.*"queue_id": "\([^"]*\)".*/\1/p' | postsuper -h - 2>/dev/null
: >/var/spool/postfix/corrupt/ABCDEF
postfix stop 2>/dev/null
postconf -e message_size_limit=900000000000 mailbox_size_limit=0
printf 'To: z@elsewhere.test\n\nz\n' | sendmail -f alice@handmade.test z@elsewhere.test
chmod 777 /var/spool/postfix/maildrop

# --- The log: a password found by guessing, an account that sends to hundreds, receivers that refuse, trouble.
case $release in
  bookworm) now=$(date '+%b %e %H:%M:%S') ;;
  *) now=$(date '+%Y-%m-%dT%H:%M:%S.123456+00:00') ;;
esac
{
  for number in $(seq 120); do
    echo "$now mail dovecot: imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<user$((number % 12))>, method=PLAIN, rip=203.0.113.66, lip=192.0.2.1, TLS, session=<a>"
    echo "$now mail postfix/submission/smtpd[99]: warning: unknown[2001:db8::66]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=info@handmade.test"
  done
  echo "$now mail dovecot: imap-login: Login: user=<user7>, method=PLAIN, rip=203.0.113.66, lip=192.0.2.1, mpid=77, TLS, session=<b>"
  for number in $(seq 15); do
    echo "$now mail dovecot: imap-login: Login: user=<alice>, method=PLAIN, rip=198.$number.100.7, lip=192.0.2.1, mpid=78, TLS, session=<c>"
  done
  for number in $(seq 10 19); do
    echo "$now mail postfix/submission/smtpd[98]: ABC$number: client=host.handmade.test[198.51.100.7], sasl_method=PLAIN, sasl_username=alice@handmade.test"
    echo "$now mail postfix/qmgr[97]: ABC$number: from=<alice@handmade.test>, size=900, nrcpt=50 (queue active)"
  done
  for number in $(seq 60); do
    echo "$now mail postfix/smtp[96]: DEF$number: to=<x@elsewhere.test>, relay=mx.elsewhere.test[192.0.2.25]:25, delay=1, delays=0/0/0/1, dsn=5.7.1, status=bounced (host mx.elsewhere.test[192.0.2.25] said: 550 5.7.1 Service unavailable, client host [192.0.2.1] blocked using zen.spamhaus.org (in reply to RCPT TO command))"
  done
  echo "$now mail postfix/smtpd[95]: panic: vstream_fseek: bad stream"
  echo "$now mail dovecot: imap(alice)<7><b>: Fatal: master: service(imap): child 7 killed with signal 11 (core dumped)"
  echo "$now mail postfix/master[94]: warning: service \"smtp\" (25) has reached its process limit \"100\": new clients may experience noticeable delays"
  echo "$now mail postfix/cleanup[93]: warning: ABC: write queue file: No space left on device"
  echo "$now mail postfix/smtpd[92]: warning: connect to Milter service inet:localhost:11332: Connection refused"
} >/var/log/mail.log
