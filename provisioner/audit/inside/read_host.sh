# Part of the script that read.sh begins: the host around the mail software, and the end.

# --- The host ------------------------------------------------------------------------------------
output virtualization systemd-detect-virt --container
output uptime cut -d ' ' -f 1 /proc/uptime
output passwords passwd -S -a
output sshd sshd -T
# Names of those who log in, and of the groups that are theirs.
awk -F: '$3 >= 1000 && $3 < 60000 && $7 !~ /(nologin|false)$/ { print $1 }' /etc/passwd | head -n 2000 | told people
awk -F: 'NR == FNR { if ($3 >= 1000 && $3 < 60000 && $7 !~ /(nologin|false)$/) { person[$1] = 1; first[$4] = 1 } next }
  { count = split($4, names, ","); for (i = 1; i <= count; i++) if (names[i] in person) first[$3] = 1
    if ($3 in first) print $1 }' /etc/passwd /etc/group | head -n 2000 | told people-groups

# Files: whose they are and who may read them; of a secret's file nothing but that.
setting() { postconf -xh "$1" 2>/dev/null; } # NAME: what Postfix goes by
all_settings() { { postconf -x; postconf -P; } 2>/dev/null; }
dovecot_settings() { timeout 10 doveconf -n 2>/dev/null; }
words() { tr -s ' ,\t' '\n'; }
real() { while IFS= read -r path; do readlink -e -- "$path" 2>/dev/null; done | sort -u | head -n 1000; }
with_parents() { # every path on stdin and all folders above it
  while IFS= read -r path; do
    while [ -n "$path" ]; do
      printf '%s\n' "$path"
      path=${path%/*}
    done
  done | sort -u
}
states() { tr '\n' '\0' | xargs -0 -r stat -c '%a %U %G %Y %n' -- 2>/dev/null; }
others_tls() { # EXIM'S SETTING, OPENSMTPD'S WORD: the paths that they name
  timeout 10 exim4 -bP "$1" 2>/dev/null | sed -n 's/^tls_[a-z]* = *\(\/.*\)/\1/p'
  sed -n "s/^ *pki .* $2 *\"*\(\/[^\" ]*\).*/\1/p" /etc/smtpd.conf 2>/dev/null
}
key_paths() {
  others_tls tls_privatekey key
  all_settings | sed -n 's/^.*tls_\([a-z]*_\)*\(key\|keys\|chain\)_file[s]* *= *//p' | words | grep '^/'
  dovecot_settings | sed -n 's/^.*ssl\(_server\)*\(_alt\)*_key\(_file\)* *= *<* *"*\(\/[^" ]*\).*/\4/p'
  set +f
  for path in /etc/letsencrypt/live/*/privkey.pem /etc/dovecot/private/* /etc/ssl/private/* /etc/postfix/*.key /etc/postfix/*/*.key \
    /etc/dovecot/*.key /var/lib/lego/certificates/*.key /root/.acme.sh/*/*.key /etc/dkimkeys/* /etc/opendkim/keys/* /etc/opendkim/keys/*/* \
    /var/lib/rspamd/dkim/* /etc/rspamd/dkim/* /etc/ssh/ssh_host_*_key; do
    [ -f "$path" ] && printf '%s\n' "$path"
  done
  set -f
}
configurations() { find -L /etc/postfix /etc/dovecot /etc/rspamd/local.d /etc/rspamd/override.d /etc/opendkim -maxdepth 3 -type f -size -2000k 2>/dev/null | head -n 2000; }
holding() { # PATTERN: those of the paths on stdin in which a line matches
  tr '\n' '\0' | xargs -0 -r timeout 10 grep -l -s -I -E -e "$1" -- 2>/dev/null
}
password_tables() {
  all_settings | sed -n 's/^.*_password_maps *= *//p' | words | sed -n 's/^[a-z]*:\(\/.*\)/\1/p' |
    while IFS= read -r path; do printf '%s\n' "$path" "$path.db" "$path.lmdb"; done
}
# A setting that holds a password, or a table of them.
plain='^[[:space:]]*(password|dnpass|auth_bind_password|bind_pw|doveadm_password|smtp_password|imapc_password|mysql_password|pgsql_password|ldap_auth_dn_password|proxy_password)[[:space:]]*[=:][[:space:]]*[^[:space:]]|^[[:space:]]*connect[[:space:]]*=.*password=|_password_maps[[:space:]]*=.*(static|inline):|:\{(PLAIN|CLEAR|CLEARTEXT|PLAIN-TRUNC)\}'
hashed='^[^#:[:space:]]+:(\{[A-Z0-9.-]+\})?(\$[0-9a-z]+\$|[A-Za-z0-9./+=]{13,})[^[:space:]]*(:|$)'
# What is named a key may be a certificate, and a folder of keys may hold other things.
keys=$(key_paths | real | holding '-BEGIN [A-Z ]*PRIVATE KEY-')
secret_files=$({ configurations | holding "$plain"; password_tables; echo /etc/exim4/passwd.client | holding '^[^#]*:'; } | real)
hash_files=$(find -L /etc/dovecot /etc/postfix /etc/exim4 /etc/mail -maxdepth 2 -type f -size -2000k 2>/dev/null | holding "$hashed" | real)
printf '%s\n' "$keys" | told keys
printf '%s\n' "$secret_files" | told password-files
printf '%s\n' "$hash_files" | told hash-files
mail_roots() {
  { setting virtual_mailbox_base; setting mail_spool_directory; dovecot_settings | sed -n 's/^ *mail_\(location\|path\|home\|inbox_path\) *= *//p'
    dovecot_settings | grep -o 'home=/[^ "]*'; printf '%s\n' /var/mail /var/vmail /home/vmail /srv/vmail /srv/mail; } |
    sed 's/^[a-z]*=//; s/^[a-z]*:\//\//; s/[:%].*//; s/\/*$//' | grep '^/..*' | grep -v -x -e /home -e /var -e /srv -e /var/spool | real
  set +f
  for path in /home/*/Maildir /home/*/mail /home/*/mdbox /home/*/sdbox; do [ -d "$path" ] && printf '%s\n' "$path"; done | head -n 500
  set -f
}
roots=$(mail_roots)
# Folders of mail that others may enter, and single mailboxes that they may read.
open_mail=$(printf '%s\n' "$roots" | tr '\n' '\0' | xargs -0 -r sh -c 'timeout 20 find "$@" -maxdepth 6 -xdev \
    "(" -type d "(" -name cur -o -name new -o -name mailboxes ")" -perm -o+rx -o -type f -size +0 -perm -o+r ! -name "*dovecot*" ! -name "*sieve*" ! -path "*/.*/*" ")" -print' mail 2>/dev/null |
  head -n 200)
printf '%s\n' "$roots" | told mail-roots
printf '%s\n' "$open_mail" | told open-mail
programs=$(all_settings | cat - /etc/postfix/master.cf 2>/dev/null | sed -n 's/.*argv *= *\(\/[^ ]*\).*/\1/p' | real)
settings_files=$({ configurations; find -L /etc/postfix /etc/dovecot /etc/rspamd /etc/exim4 -maxdepth 3 -type d 2>/dev/null
  find -L /etc/exim4 -maxdepth 3 -type f 2>/dev/null | head -n 500
  printf '%s\n' /etc/smtpd.conf /etc/aliases /etc/mailname /etc/opendkim.conf; } | real)
printf '%s\n' "$programs" "$settings_files" | told settings-files
printf '%s\n' "$keys" "$secret_files" "$hash_files" "$open_mail" "$programs" "$settings_files" | with_parents | states | told states
queue=$(setting queue_directory)
if [ -n "$queue" ]; then
  find "$queue" -maxdepth 1 -type d -printf '%m %u %g %f\n' 2>/dev/null | told queue-folders
  commands=$(setting command_directory)
  printf '%s\n' "$commands/postdrop" "$commands/postqueue" | states | told queue-programs
fi

# Versions and updates: what apt knows already; nothing is fetched.
# Its cache, which it would write, is used where it is current.
cache=/var/cache/apt/pkgcache.bin
set --
[ -n "$(find "$cache" -newer /var/lib/dpkg/status -newer /var/lib/apt/lists -newer /var/lib/apt/lists/partial 2>/dev/null)" ] ||
  set -- -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
output upgrades apt -o Debug::NoLocking=1 "$@" list '?or(?upgradable,?obsolete)'
# shellcheck disable=SC2016 # apt's variables
output archives apt-get indextargets --format '$(RELEASE)|$(LABEL)|$(SITE)' 'Created-By: Packages'
output apt-sources apt-get --print-uris update
output apt-settings apt-config dump
stat -c '%Y %n' /var/lib/apt/lists/partial /var/lib/apt/periodic/update-success-stamp /var/lib/apt/periodic/update-stamp /var/lib/apt/periodic/unattended-upgrades-stamp 2>/dev/null | told apt-times
{ [ -e /run/reboot-required ] && echo required; echo "running $(uname -r)"; find /boot -maxdepth 1 -name 'vmlinuz-*' -printf 'installed %f\n' 2>/dev/null; } | told kernel
# Programs that still run libraries which an update has replaced.
set +f
timeout 20 grep -s -E 'r-xp .*/lib.*\.so[^ ]* \(deleted\)$' /proc/[0-9]*/maps |
  sed 's|^/proc/\([0-9]*\)/maps:.* \(/[^ ]*\) (deleted)$|\1 \2|' | sort -u | head -n 500 | while read -r pid library; do
  read -r program 2>/dev/null <"/proc/$pid/comm" && printf '%s %s\n' "$program" "$library"
done | sort | uniq -c | told replaced-libraries
set -f

# What the firewall lets in, and who is shut out.
output nft nft list ruleset
output iptables iptables-save
output ip6tables ip6tables-save
output addresses ip -o addr show scope global
output units systemctl show -p Id -p LoadState -p ActiveState -p UnitFileState -p Result -p LastTriggerUSec \
  nftables.service provision-firewall.service netfilter-persistent.service ufw.service firewalld.service shorewall.service ferm.service \
  fail2ban.service crowdsec.service sshguard.service unattended-upgrades.service apt-daily.timer apt-daily-upgrade.timer apt-daily-upgrade.service \
  certbot.timer certbot.service snap.certbot.renew.timer snap.certbot.renew.service provision-acme.timer provision-acme.service \
  acme.sh.timer acme.sh.service dehydrated.timer dehydrated.service lego.timer lego.service
output relayhost postconf -xh relayhost
{
  postconf smtpd_client_auth_rate_limit smtpd_sasl_type 2>/dev/null
  all_settings | grep -q 'smtpd_sasl_auth_enable *= *yes' && echo 'sasl yes'
  # Dovecot answers wrong passwords later each time, unless its socket for that is shut.
  command -v doveconf >/dev/null 2>&1 && dovecot_settings | awk '
    /unix_listener (anvil-auth-penalty|auth-penalty) \{/ { inside = 1 } inside && /mode = 0*$/ { off = 1 } /\}/ { inside = 0 }
    END { print "auth_penalty " (off ? "off" : "on") }'
} | told login-limits
if command -v fail2ban-client >/dev/null 2>&1; then
  timeout 5 fail2ban-client status 2>/dev/null | sed -n 's/.*Jail list:[[:space:]]*//p' | words | head -n 50 |
    while IFS= read -r jail; do
      echo "jail $jail"
      timeout 5 fail2ban-client status "$jail" 2>/dev/null
    done | told jails
fi

# Time and space.
output time timedatectl show -p NTPSynchronized -p NTP
places() { printf '%s\n' / /var /var/log /tmp /boot "$queue" "$roots" /var/lib/dovecot; }
places | while IFS= read -r path; do [ -d "$path" ] && printf '%s\n' "$path"; done | tr '\n' '\0' | xargs -0 -r timeout 10 df -P -k -- 2>/dev/null | told space
places | while IFS= read -r path; do [ -d "$path" ] && printf '%s\n' "$path"; done | tr '\n' '\0' | xargs -0 -r timeout 10 df -P -i -- 2>/dev/null | told inodes
places | while IFS= read -r path; do [ -d "$path" ] && timeout 5 stat -c '%m|%n' -- "$path"; done 2>/dev/null | told mount-points
output mounts head -n 500 /proc/mounts
output queue-limits postconf -x queue_directory queue_minfree message_size_limit

# The queue: counted here, so that no list of people's mail leaves the host.
if [ -n "$queue" ]; then
  timeout 30 postqueue -j 2>/dev/null | awk '
    function value(name,   rest) {
      if (!match($0, "\"" name "\": ?\"([^\"\\\\]|\\\\.)*\"")) return ""
      rest = substr($0, RSTART, RLENGTH); sub(/^"[a-z_]*": ?"/, "", rest); sub(/"$/, "", rest); return rest
    }
    { where = value("queue_name"); sender = value("sender"); reason = value("delay_reason"); arrived = 0
      if (match($0, /"arrival_time": ?[0-9]+/)) { arrived = substr($0, RSTART, RLENGTH); sub(/.*[: ]/, "", arrived) }
      count[where]++
      if (!(where in oldest) || arrived + 0 < oldest[where]) oldest[where] = arrived + 0
      if (sender != "") senders[sender]++
      if (reason != "") { gsub(/<[^>]*>/, "<...>", reason); gsub(/[0-9A-F]{10,}/, "...", reason); reasons[substr(reason, 1, 160)]++ } }
    END {
      for (name in count) printf "count\t%d\t%s\t%d\n", count[name], name, oldest[name]
      for (name in senders) if (senders[name] > 9) printf "sender\t%d\t%s\n", senders[name], name
      for (name in reasons) printf "reason\t%d\t%s\n", reasons[name], name }' |
    sort -t '	' -k 1,1 -k 2,2nr | awk -F '\t' '++seen[$1] <= 10' | told queue
  for name in corrupt maildrop incoming; do echo "$name $(find "$queue/$name" -type f 2>/dev/null | head -n 100000 | wc -l)"; done | told queue-files
elif command -v exim4 >/dev/null 2>&1 || command -v smtpctl >/dev/null 2>&1; then
  { timeout 30 exim4 -bp; timeout 30 smtpctl show queue; } 2>/dev/null | awk -v now="$(date +%s)" '
    # Exim: age, size, id, sender; what is frozen waits for a person.
    $1 ~ /^[0-9]+[mhd]$/ && $4 ~ /^<.*>$/ {
      unit = substr($1, length($1))
      put(/[*] frozen [*]/ ? "hold" : "deferred", substr($4, 2, length($4) - 2), now - $1 * (unit == "d" ? 86400 : unit == "h" ? 3600 : 60), "") }
    # OpenSMTPD: fourteen fields for each recipient (smtpctl(8)).
    split($0, field, "|") >= 14 && field[8] ~ /^[0-9]+$/ {
      put(field[4] ~ /suspend/ ? "hold" : "deferred", field[5], field[8], field[14]) }
    function put(where, sender, arrived, reason) {
      count[where]++; senders[sender == "" ? "MAILER-DAEMON" : sender]++
      if (!(where in oldest) || arrived < oldest[where]) oldest[where] = arrived
      gsub(/<[^>]*>/, "<...>", reason); if (reason != "") reasons[substr(reason, 1, 160)]++ }
    END {
      for (name in count) printf "count\t%d\t%s\t%d\n", count[name], name, oldest[name]
      for (name in senders) if (senders[name] > 9) printf "sender\t%d\t%s\n", senders[name], name
      for (name in reasons) printf "reason\t%d\t%s\n", reasons[name], name }' |
    sort -t '	' -k 1,1 -k 2,2nr | awk -F '\t' '++seen[$1] <= 10' | told queue
fi

# Certificates: on disk, as served here, and what renews them. Never the keys that may stand in the same file.
certificate_paths() {
  others_tls tls_certificate cert
  all_settings | sed -n 's/^.*smtpd_tls_\([a-z]*_\)*\(cert_file\|chain_files\) *= *//p' | words | grep '^/'
  dovecot_settings | sed -n 's/^.*ssl\(_server\)*\(_alt\)*_cert\(_file\)* *= *<* *"*\(\/[^" ]*\).*/\4/p'
}
only_certificates() { sed -n '/-BEGIN CERTIFICATE-/,/-END CERTIFICATE-/p'; }
certificate_paths | sort -u | head -n 50 | while IFS= read -r path; do
  [ -f "$path" ] || continue
  printf 'file %s\n' "$path"
  only_certificates <"$path" | head -c 100000
done | told certificates
for port in 25 993; do
  timeout 8 ss -H -l -n -t "sport = :$port" 2>/dev/null | grep -q . || continue
  case $port in 25) start='-starttls smtp' ;; *) start='' ;; esac
  printf 'port %s\n' "$port"
  # shellcheck disable=SC2086 # two words or none
  timeout 8 openssl s_client -connect "127.0.0.1:$port" $start -noservername </dev/null 2>/dev/null | only_certificates | head -c 20000
done | told served-certificates
{ grep -r -l -s -E 'certbot|acme\.sh|dehydrated|lego|getssl|uacme' /etc/cron.d /etc/cron.daily /etc/cron.weekly /etc/crontab /var/spool/cron/crontabs
  find /etc/letsencrypt/renewal-hooks -type f -perm -u+x 2>/dev/null
  grep -r -s -E '^ *(renew_hook|deploy_hook|post_hook|installer) *=' /etc/letsencrypt/renewal /etc/letsencrypt/cli.ini
  grep -r -s -E "^Le_ReloadCmd='.+'" /root/.acme.sh
  grep -r -s -h -E 'certbot.*--(deploy|renew|post)-hook|reloadcmd' /etc/cron.d /etc/crontab /var/spool/cron/crontabs
} 2>/dev/null | cut -c 1-300 | head -n 100 | told renewal

# The mail log's last lines, counted here by address and account.
mail_lines() {
  if [ -n "$(find /var/log/mail.log -size +0 -mtime -3 2>/dev/null)" ]; then
    cat /var/log/mail.log.1 /var/log/mail.log 2>/dev/null | tail -n 60000
  else
    timeout 20 journalctl -q --no-pager -o short-iso -n 60000 SYSLOG_FACILITY=2 2>/dev/null
  fi
  path=$(timeout 5 doveconf -h log_path 2>/dev/null)
  case $path in /var/log/mail.log) ;; /*) [ -f "$path" ] && tail -n 20000 -- "$path" ;; esac
}
# shellcheck disable=SC2016 # awk's
mail_lines | timeout 40 awk '
  function between(start, stop,   rest, at) {
    at = index($0, start); if (!at) return ""
    rest = substr($0, at + length(start)); at = index(rest, stop)
    return substr(at ? substr(rest, 1, at - 1) : rest, 1, 120)
  }
  function network(address,   part) {
    if (address ~ /:/) { split(address, part, ":"); return part[1] ":" part[2] }
    split(address, part, "."); return part[1] "." part[2]
  }
  function failed(address, name, times) {
    fails[address] += times
    if (name == "") return
    account[name] += times
    if (!((address, name) in tried)) { tried[address, name] = 1; names[address]++; sources[name]++ }
  }
  function entered(address, name) {
    entries[address]++; logins[name]++
    if (entries[address] <= 3) entrants[address] = entrants[address] " " name
    if (!((name, network(address)) in seen)) { seen[name, network(address)] = 1; networks[name]++ }
  }
  function trouble(kind) { troubles[kind]++; sample[kind] = substr($0, 1, 240) }
  { gsub(/\t/, " ")
    hour = $1 ~ /^[0-9][0-9][0-9][0-9]-/ ? substr($1, 1, 13) : $1 " " $2 " " substr($3, 1, 2)
    if (NR == 1) begin = hour
    stop = hour }
  /-login: / && /auth failed, [0-9]+ attempts/ {
    match($0, /auth failed, [0-9]+/); failed(between("rip=", ","), between("user=<", ">"), substr($0, RSTART + 13, RLENGTH - 13) + 0); next }
  /-login: / && /(Login|Logged in): user=</ { entered(between("rip=", ","), between("user=<", ">")); next }
  /smtpd\[[0-9]+\]: / && /SASL [A-Za-z0-9-]+ authentication (failed|failure)/ {
    if (/Connection lost to authentication server|[Tt]emporary authentication failure/) trouble("login")
    else failed(between("[", "]:") == "" ? "" : address_of(), between("sasl_username=", ","), 1)
    next }
  /smtpd\[[0-9]+\]: / && /: client=/ && /sasl_username=/ {
    split($0, word, /: /); entered(client_of(), between("sasl_username=", ",")); waiting[word[2]] = between("sasl_username=", ","); next }
  /qmgr\[[0-9]+\]: / && /nrcpt=[0-9]+/ {
    split($0, word, /: /)
    if (word[2] in waiting) {
      match($0, /nrcpt=[0-9]+/); size = substr($0, RSTART + 6, RLENGTH - 6) + 0; name = waiting[word[2]]
      sent[name] += size; if (!((name, hour) in hourly)) hours[name]++
      hourly[name, hour] += size; if (hourly[name, hour] > peak[name]) { peak[name] = hourly[name, hour]; when[name] = hour }
      delete waiting[word[2]] }
    next }
  / status=(sent|deferred|bounced)/ {
    if ($0 ~ /\/smtp\[[0-9]+\]: /) {
      state = between(" status=", " "); deliveries[state]++
      text = tolower($0)
      if (state != "sent" && text ~ /(said|refused to talk to me): / &&
          text ~ /spamhaus|spamcop|barracudacentral|sorbs\.net|uceprotect|dnsbl|[^a-z]rbl|block ?list|blacklist|psbl\.|abusix|mailspike|on our block|poor reputation|low reputation|s3150|s3140/) {
        host = between("relay=", "["); listed[host]++; listing[host] = substr($0, 1, 300) } }
    next }
  / (said|refused to talk to me): / { next }
  /[Pp]anic: |killed with signal|core dumped/ { trouble("crash"); next }
  /[Nn]o space left on device|not enough free space|[Ii]nsufficient (system storage|disk space)/ { trouble("space"); next }
  /has reached its process limit|(process|client)_limit \([0-9]+\) reached|Maximum number of connections from user\+IP exceeded|[Tt]oo many (open files|connections)/ { trouble("limits"); next }
  /[Mm]ilter/ && /timed? ?out|[Cc]onnection refused|can.t read|[Bb]roken pipe|No such file/ { trouble("milter"); next }
  /table lookup problem|is older than source file|unsupported dictionary type|open database .*No such file|lookup table .* has an invalid/ { trouble("tables"); next }
  /: fatal: |: Fatal: |: Error: .*(Permission denied|No such file)/ { trouble("fatal"); next }
  function client_of() { match($0, /client=[^ ]*\[[0-9a-fA-F.:]+\]/); return inner(substr($0, RSTART, RLENGTH)) }
  function address_of() { match($0, /[^ ]*\[[0-9a-fA-F.:]+\]: SASL/); return inner(substr($0, RSTART, RLENGTH)) }
  function inner(text,   rest) { rest = text; sub(/.*\[/, "", rest); sub(/\].*/, "", rest); return rest }
  END {
    printf "lines\t%d\t%s\t%s\n", NR, begin, stop
    for (key in fails) printf "address\t%d\t%s\t%d\t%d\t%s\n", fails[key], key, names[key], entries[key], entrants[key]
    for (key in account) printf "account\t%d\t%s\t%d\n", account[key], key, sources[key]
    for (key in logins) printf "login\t%d\t%s\t%d\n", networks[key], key, logins[key]
    for (key in sent) printf "sent\t%d\t%s\t%d\t%d\t%s\n", peak[key], key, sent[key], hours[key], when[key]
    for (key in deliveries) printf "delivery\t%d\t%s\n", deliveries[key], key
    for (key in listed) printf "listed\t%d\t%s\t%s\n", listed[key], key, listing[key]
    for (key in troubles) printf "trouble\t%d\t%s\t%s\n", troubles[key], key, sample[key]
  }' | sort -t '	' -k 1,1 -k 2,2nr | awk -F '\t' '++seen[$1] <= 20' | told mail-log
{ for path in /var/log/mail.log /var/log/journal /run/log/journal /var/log/dovecot.log; do [ -e "$path" ] && stat -c '%Y %s %n' "$path"; done; } | told log-places

echo end
