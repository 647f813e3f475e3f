# Reads how a mail server was set up by hand, in one exchange. Changes nothing.
#
# Nothing is read from stdin. The answer is lines of plain words; names and contents come in base64, so
# that nothing in them can look like an answer. What is read is bounded: one file, one command, all of it.
# Private keys of TLS and DKIM that the services themselves use come along, over SSH, to be encrypted where
# the inventory is; nothing secret is put into arguments of programs. Run as root by `sh`; POSIX, coreutils.
set -u
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 077
ONE=1000000     # bytes of one file or table
ALL=30000000    # bytes of all
total=0
seen='
'
set -f

encoded() { printf '%s' "$1" | base64 -w0; }

say() { # NAME COMMAND...: what a command prints; nothing where it fails at once
  name=$1
  shift
  text=$(timeout -k 1 20 "$@" 2>/dev/null </dev/null | head -c "$ONE" | base64 -w0)
  total=$((total + ${#text}))
  [ "$total" -lt "$ALL" ] && printf 'output %s %s\n' "$name" "${text:--}"
}

read_file() { # PATH: once, and only where it is a file that can be read
  case $seen in *"
$1
"*) return 0 ;; esac
  seen="$seen$1
"
  [ -f "$1" ] && [ -r "$1" ] || return 0
  text=$(head -c "$ONE" -- "$1" | base64 -w0)
  total=$((total + ${#text}))
  [ "$total" -lt "$ALL" ] || return 0
  printf 'file %s %s %s\n' "$(encoded "$1")" "$(stat -L -c '%a %U %G' -- "$1")" "${text:--}"
}

read_lines() { while IFS= read -r path; do read_file "$path"; done; }

paths_in() { # words that are absolute paths, also behind `hash:`, `<` and `file:`
  # shellcheck disable=SC2020
  tr ' ,;{}"=\t' '\n\n\n\n\n\n\n\n' | sed -n "s/^'//; s/'\$//; s/^<//; s/^[a-z]*:\\([a-z]*:\\)\\{0,1\\}\\//\\//; /^\\/[^*?]*\$/p" | head -n 500
}

echo 'provision-adopt 1'

# --- The host ------------------------------------------------------------------------------------
for path in /etc/os-release /etc/debian_version /etc/hostname /etc/mailname /etc/aliases; do read_file "$path"; done
say uid id -u
# shellcheck disable=SC2016 # dpkg's variables, not the shell's
say packages dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n'
say passwd getent passwd
say group getent group
# Only people's hashes, and root's not among them.
# shellcheck disable=SC2016 # awk's
say shadow awk -F: 'NR==FNR { if ($3 >= 1000 && $3 < 60000) people[$1] = 1; next } $1 in people { print $1 ":" $2 }' /etc/passwd /etc/shadow
say units systemctl list-units --type=service --state=active --no-legend --plain --no-pager
say timers systemctl list-timers --all --no-legend --no-pager
grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6 2>/dev/null | head -n 500 | while read -r _ local _; do echo "listen $local"; done
say nft nft list ruleset
say iptables iptables-save
say left-behind find /etc/postfix /etc/dovecot /etc/aliases /etc/opendkim.conf /etc/default -maxdepth 3 \
  '(' -name '*.dpkg-*' -o -name '*.ucf-*' -o -name '*.bak*' -o -name '*.orig' -o -name '*.old' -o -name '*~' ')'

# --- Postfix -------------------------------------------------------------------------------------
if command -v postconf >/dev/null 2>&1; then
  say postconf-n postconf -n
  say postconf-expanded postconf -nx
  say postconf-all postconf -x
  say postconf-default postconf -d
  say postconf-services postconf -M
  say postconf-service-options postconf -P
fi
for path in /etc/postfix/main.cf /etc/postfix/master.cf; do read_file "$path"; done
postfix_paths=$({ cat /etc/postfix/main.cf /etc/postfix/master.cf; postconf -nx; } 2>/dev/null | paths_in | sort -u)
while IFS= read -r path; do
  case $path in
    /dev/* | /proc/* | /sys/* | /var/spool/* | /usr/* | *.db | *.lmdb | *.cdb | */) ;;
    /etc/letsencrypt/*/privkey*.pem | */ssl-cert-snakeoil.key) ;;
    *) read_file "$path" ;;
  esac
done <<END
$postfix_paths
END
# Lists of addresses that aliases(5) includes.
while IFS= read -r path; do read_file "$path"; done <<END
$(sed -n 's/.*:include:[[:space:]]*\(\/[^[:space:],"]*\).*/\1/p' /etc/aliases 2>/dev/null | head -n 100)
END

# --- Dovecot -------------------------------------------------------------------------------------
if command -v doveconf >/dev/null 2>&1; then
  say dovecot-version dovecot --version
  # With -P also what doveconf would hide: passwords of databases.
  say doveconf doveconf -nP
  listed=$(timeout 20 doveadm user '*' 2>/dev/null | head -n 2000)
  # shellcheck disable=SC2016 # the inner shell's
  users=$(printf '%s\n' "$listed" | timeout -k 1 60 sh -c 'while IFS= read -r user; do
      [ -z "$user" ] || { printf "user\t%s\n" "$user"; doveadm user -- "$user" 2>/dev/null; }
    done' | head -c "$ONE" | base64 -w0)
  printf 'output dovecot-users %s\n' "${users:--}"
fi
while IFS= read -r path; do
  case $path in
    *.key | *.svbin | */private/* | */letsencrypt/* | *.db) ;;
    *) read_file "$path" ;;
  esac
done <<END
$(find /etc/dovecot -maxdepth 3 -type f -size -900k 2>/dev/null | head -n 300)
END
while IFS= read -r path; do
  case $path in
    /dev/* | /proc/* | /sys/* | /var/spool/* | /usr/* | /run/* | /etc/letsencrypt/*/privkey*.pem | */ssl-cert-snakeoil.key | */) ;;
    *) [ -d "$path" ] || read_file "$path" ;;
  esac
done <<END
$(doveconf -nP 2>/dev/null | paths_in | sort -u)
END

# --- Databases: the tables that the configuration names, by its own credentials -----------------------
database() { # KIND HOST NAME USER PASSWORD FILES...: every table that a query in FILES names
  kind=$1 host=$2 base=$3 user=$4 secret=$5
  shift 5
  case $host in /*) socket=$host host='' ;; *) socket='' ;; esac
  query() {
    case $kind in
      mysql) MYSQL_PWD=$secret timeout 20 mysql --batch --skip-auto-rehash --default-character-set=utf8mb4 \
        ${host:+"--host=$host"} ${socket:+"--socket=$socket"} --user="$user" --database="$base" 2>/dev/null ;;
      pgsql) PGPASSWORD=$secret timeout 20 psql --csv --no-psqlrc --quiet --host="${host:-$socket}" \
        --username="$user" --dbname="$base" 2>/dev/null ;;
    esac
  }
  case $kind in
    mysql) tables=$(echo 'SHOW TABLES;' | query | tail -n +2) quote='`' ;;
    pgsql) tables=$(echo "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'" | query | tail -n +2) quote='"' ;;
  esac
  for table in $tables; do
    case $table in *[!A-Za-z0-9_]*) continue ;; esac
    grep -qw -- "$table" "$@" 2>/dev/null || doveconf -nP 2>/dev/null | grep -qw -- "$table" || continue
    case $asked in *" $kind:$base:$table "*) continue ;; esac
    asked="$asked $kind:$base:$table "
    text=$(echo "SELECT * FROM $quote$table$quote LIMIT 20000;" | query | head -c "$ONE" | base64 -w0)
    total=$((total + ${#text}))
    [ "$total" -lt "$ALL" ] && printf 'table %s %s %s %s\n' "$kind" "$(encoded "$base")" "$table" "${text:--}"
  done
  [ -n "$tables" ] || printf 'database %s %s refused\n' "$kind" "$(encoded "$base")"
}
asked=' '

field() { # NAME FILE: the value of `name = value` in a table's configuration
  sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p" "$2" | tail -n 1 | sed 's/[[:space:]]*$//'
}
while IFS= read -r word; do
  kind=${word%%:*} path=${word#*:}
  [ -f "$path" ] || continue
  first=$(field hosts "$path")
  first=${first%%[ ,]*}
  case $first in unix:*) first=${first#unix:} ;; inet:*) first=${first#inet:} ;; esac
  database "$kind" "${first:-localhost}" "$(field dbname "$path")" "$(field user "$path")" "$(field password "$path")" "$path"
done <<END
$(postconf -nx 2>/dev/null | tr ' ,{}' '\n' | sed -n 's/^\(proxy:\)\{0,1\}\(\(my\|pg\)sql:\/.*\)/\2/p' | sort -u | head -n 30)
END

# Dovecot: `connect = host=… dbname=… user=… password=…` in a file (2.3), or settings (2.4).
part() { # NAME: of a connection string on stdin, quotes taken off
  awk -v name="$1" '{
    line = $0
    while (match(line, /^[[:space:]]*[a-z_]+=/)) {
      key = substr(line, RSTART, RLENGTH - 1); sub(/^[[:space:]]*/, "", key)
      line = substr(line, RSTART + RLENGTH)
      if (substr(line, 1, 1) == "\047") {
        value = ""; line = substr(line, 2)
        while (line != "" && substr(line, 1, 1) != "\047") {
          if (substr(line, 1, 1) == "\\") line = substr(line, 2)
          value = value substr(line, 1, 1); line = substr(line, 2)
        }
        line = substr(line, 2)
      } else { match(line, /^[^[:space:]]*/); value = substr(line, 1, RLENGTH); line = substr(line, RLENGTH + 1) }
      if (key == name) print value
    }
  }' | head -n 1
}
while IFS= read -r path; do
  [ -f "$path" ] || continue
  kind=$(field driver "$path")
  connect=$(field connect "$path" | sed 's/^"\(.*\)"$/\1/; s/\\\(["\\]\)/\1/g')
  case $kind in
    sqlite) read_file "$connect" ;;
    mysql | pgsql)
      host=$(printf '%s\n' "$connect" | part host)
      database "$kind" "${host:-localhost}" "$(printf '%s\n' "$connect" | part dbname)" \
        "$(printf '%s\n' "$connect" | part user)" "$(printf '%s\n' "$connect" | part password)" "$path"
      ;;
  esac
done <<END
$(doveconf -nP 2>/dev/null | sed -n 's/^[[:space:]]*args = \(\/[^[:space:]]*\)$/\1/p' | sort -u)
END
while IFS='	' read -r kind host base user secret; do
  [ -n "$base" ] && database "$kind" "$host" "$base" "$user" "$secret" /dev/null
done <<END
$(doveconf -nP 2>/dev/null | awk '
  $1 == "mysql" || $1 == "pgsql" { kind = $1; host = $2; depth = 1; base = user = secret = ""; next }
  depth && $1 == "}" { print kind "\t" host "\t" base "\t" user "\t" secret; depth = 0; next }
  depth { value = $0; sub(/^[^=]*= */, "", value); gsub(/^"|"$/, "", value)
    if ($1 == "dbname") base = value; if ($1 == "user") user = value; if ($1 == "password") secret = value
    if ($1 == "parameters_dbname") base = value; if ($1 == "parameters_user") user = value
    if ($1 == "parameters_password") secret = value }')
END

# --- DKIM: OpenDKIM's tables, Rspamd's settings, the keys they name ---------------------------------------
for path in /etc/opendkim.conf /etc/default/opendkim; do read_file "$path"; done
while IFS= read -r path; do read_file "$path"; done <<END
$(sed 's/#.*//' /etc/opendkim.conf 2>/dev/null | paths_in | grep -v '^/run/' | sort -u)
END
tables=$(sed -n 's/^[[:space:]]*[Kk]ey[Tt]able[[:space:]]*\([a-z]*:\)\{0,1\}\(\/[^[:space:]]*\).*/\2/p' /etc/opendkim.conf 2>/dev/null)
while IFS= read -r path; do read_file "$path"; done <<END
$([ -z "$tables" ] || sed 's/:/ /g' "$tables" 2>/dev/null | paths_in | sort -u | head -n 200)
END
set +f
for path in /etc/rspamd/local.d/* /etc/rspamd/override.d/* /var/lib/rspamd/dkim/*.key /etc/letsencrypt/renewal/*.conf \
  /root/.acme.sh/*/*.conf /var/lib/dehydrated/certs/*/cert.pem; do
  case $path in *'*'*) ;; *) read_file "$path" ;; esac
done
set -f
while IFS= read -r path; do read_file "$path"; done <<END
$(cat /etc/rspamd/local.d/dkim_signing.conf /etc/rspamd/override.d/dkim_signing.conf 2>/dev/null | paths_in | sort -u | head -n 200)
END

# --- Where people's mail is, and what they did with it themselves ------------------------------------------
getent passwd | awk -F: '$3 >= 1000 && $3 < 60000 { print $6 ":" $1 }' | head -n 2000 | while IFS=: read -r home user; do
  for path in "$home/Maildir" "$home/mail" "$home/Mail" "/var/mail/$user" "/var/spool/mail/$user"; do
    [ -e "$path" ] && printf 'there %s %s\n' "$(encoded "$path")" "$(stat -L -c '%F' -- "$path" | base64 -w0)"
  done
  for path in "$home/.forward" "$home/.procmailrc" "$home/.dovecot.sieve"; do
    read_file "$path"
  done
done
echo end
