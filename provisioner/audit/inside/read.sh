# Reads what an audit from inside judges, in one exchange. Changes nothing and writes no file.
#
# Nothing is read from stdin. The answer is lines of plain words; names and texts come in base64, so that
# nothing in them can look like an answer (`inside/seen.py` reads it). What is read is bounded: one file, one
# command, all of it, in bytes and in seconds. Private keys, passwords and their hashes stay on the host: of
# such files only the state is told. Run as root by `sh`; POSIX, coreutils. It goes on in read_passwords.sh and
# read_host.sh (`reading.py` joins them).
set -u
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 077
set -f
ONE=1000000     # bytes of one file or output
ALL=8000000     # bytes of all, as base64
SLOW=20         # seconds of one command
LATEST=100      # seconds after which nothing more is begun
total=0
begun=$(date +%s)
exec 5>/dev/null

encoded() { printf '%s' "$1" | base64 -w0; }

put() { # NAME STATUS TEXT64: an output, where the answer still has room for it
  total=$((total + ${#3}))
  if [ "$total" -lt "$ALL" ]; then printf 'output %s %s %s\n' "$1" "$2" "$3"; else printf 'output %s 122 -\n' "$1"; fi
}

in_time() { [ "$(($(date +%s) - begun))" -lt "$LATEST" ]; }

# output NAME COMMAND...: what a command prints, and its status; 127 where there is none such, 124 where it
# takes too long, 122 where the answer is full.
output() {
  name=$1 errors=5
  shift
  run_it "$@"
}

# The same, with what it says on stderr.
output_and_errors() {
  name=$1 errors=1
  shift
  run_it "$@"
}

run_it() {
  command -v "$1" >/dev/null 2>&1 || { put "$name" 127 -; return 0; }
  in_time || { put "$name" 124 -; return 0; }
  # The status is written before the text, as the text's last reader waits for the end.
  answer=$({ { timeout -k 1 "$SLOW" "$@" </dev/null 2>&"$errors" 4>&-; printf '%s ' "$?" >&4; } | head -c "$ONE" | base64 -w0 |
    { text=$(cat); printf '%s' "${text:--}"; }; } 4>&1)
  put "$name" "${answer%% *}" "${answer#* }"
}

told() { # NAME: an output that the caller made, on stdin; whoever makes it bounds its time
  text=$(head -c "$ONE" | base64 -w0)
  put "$1" 0 "${text:--}"
}

# file PATH: a file's state and content, links followed. For files that hold no secret.
file() {
  [ -f "$1" ] && [ -r "$1" ] || return 0
  text=$(timeout -k 1 5 head -c "$ONE" -- "$1" 2>/dev/null | base64 -w0)
  state_line "$1" "${text:--}" -L
}

# state PATH: what it is, whose, who may read it, links followed; never its content.
state() { [ ! -e "$1" ] || state_line "$1" . -L; }

# tree FOLDER [DEPTH]: the states of everything in it, links not followed; at most 500.
tree() {
  [ -d "$1" ] || return 0
  listed=$(timeout -k 1 "$SLOW" find "$1" -xdev -maxdepth "${2:-3}" 2>/dev/null | head -n 500)
  while IFS= read -r path; do state_line "$path" . ''; done <<END
$listed
END
}

seen='
'
state_line() { # PATH CONTENT64 -L|'': once for each path, and with its content where both are asked for first
  case $seen in *"
$1
"*) return 0 ;; esac
  in_time || return 0
  # shellcheck disable=SC2086 # one word or none
  line=$(stat $3 -c '%a %s %Y %F' -- "$1" 2>/dev/null) || return 0
  mode=${line%% *} line=${line#* }
  size=${line%% *} line=${line#* }
  changed=${line%% *} kind=${line#* }
  case $kind in regular*) kind='file' ;; directory) kind='folder' ;; symbolic*) kind='link' ;; *) kind='other' ;; esac
  total=$((total + ${#2}))
  [ "$total" -lt "$ALL" ] || return 0
  seen="$seen$1
"
  # shellcheck disable=SC2086 # one word or none
  printf 'file %s %s %s %s %s %s %s %s\n' "$(encoded "$1")" "$kind" "$mode" "$(stat $3 -c '%U' -- "$1" | tr -d '\n' | base64 -w0)" \
    "$(stat $3 -c '%G' -- "$1" | tr -d '\n' | base64 -w0)" "$size" "$changed" "$2"
}

# What listens, in the words of `ss -H -l -n -t -u -p`, for a host without iproute2.
listening() {
  set +f
  { for link in /proc/[0-9]*/fd/*; do
      inode=$(readlink "$link" 2>/dev/null) || continue
      case $inode in socket:*) ;; *) continue ;; esac
      pid=${link#/proc/}
      pid=${pid%%/*}
      read -r program <"/proc/$pid/comm" && printf 'owner %s %s %s\n' "${inode#socket:}" "$pid" "$program"
    done 2>/dev/null
    for kind in tcp tcp6 udp udp6; do sed "s/^/$kind /" "/proc/net/$kind" 2>/dev/null; done
  } | awk '
    function number(hex,   at, value) {
      for (at = 1; at <= length(hex); at++) value = value * 16 + index("0123456789ABCDEF", substr(hex, at, 1)) - 1
      return value + 0
    }
    function address(hex,   word, at, text, part) {
      if (length(hex) == 8)
        return number(substr(hex, 7, 2)) "." number(substr(hex, 5, 2)) "." number(substr(hex, 3, 2)) "." number(substr(hex, 1, 2))
      for (word = 0; word < 4; word++) {
        part = substr(hex, word * 8 + 1, 8)
        text = text ":" substr(part, 7, 2) substr(part, 5, 2) ":" substr(part, 3, 2) substr(part, 1, 2)
      }
      return "[" tolower(substr(text, 2)) "]"
    }
    $1 == "owner" { gsub(/[^0-9]/, "", $2); program[$2] = $4; pid[$2] = $3; next }
    ($1 ~ /^tcp/ && $5 == "0A") || ($1 ~ /^udp/ && $5 == "07") {
      split($3, local, ":"); inode = $11
      printf "%s %s 0 0 %s:%d *:*", substr($1, 1, 3), ($5 == "0A" ? "LISTEN" : "UNCONN"), address(local[1]), number(local[2])
      if (inode in program) printf " users:((\"%s\",pid=%d,fd=0))", program[inode], pid[inode]
      printf "\n"
    }' | head -n 2000
  set -f
}

echo 'provision-inside 1'
echo "at $begun"

file /etc/os-release
file /etc/nsswitch.conf
output uid id -u
# shellcheck disable=SC2016 # dpkg's variables, not the shell's
output packages-installed dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n'
if command -v ss >/dev/null 2>&1; then output sockets ss -H -l -n -t -u -p; else listening | told sockets; fi
output services systemctl list-units --type=service --state=active --no-legend --plain --no-pager

# --- Postfix and Dovecot -------------------------------------------------------------------------

# What programs and files say, with what may be secret taken out: only that it is set is told.
without_secrets() {
  sed -E \
    -e 's/((inline|static):)\{[^{}]*(\{[^{}]*\}[^{}]*)*\}/\1<hidden>/g; s/(static:)[^<,[:space:]]+/\1<hidden>/g; s/(inline:)\{.*/\1<hidden>/' \
    -e 's/^(([^ =]*:)?[[:space:]]*[A-Za-z0-9_]*(pass|password|pwd|secret|nonce|api_header|api_key|token|salt|ssl_key|ssl_dh|connect|query)[[:space:]]*=[[:space:]]*).+/\1<hidden>/' \
    -e "s/(^|[[:space:]\"{])([A-Za-z0-9_-]*(pass|password|pwd|secret|token))=(\"[^\"]*\"|'[^']*'|[^[:space:]]+)/\\1\\2=<hidden>/g"
}

if command -v postconf >/dev/null 2>&1; then
  timeout -k 1 "$SLOW" postconf -n 2>/dev/null </dev/null | without_secrets | told postfix-set
  timeout -k 1 "$SLOW" postconf -n 2>&1 >/dev/null </dev/null | told postfix-warnings
  timeout -k 1 "$SLOW" postconf -x 2>/dev/null </dev/null | without_secrets | told postfix-all
  timeout -k 1 "$SLOW" postconf -M 2>/dev/null </dev/null | without_secrets | told postfix-services
  # A value that goes on in the next lines: what follows an inline table stays here.
  awk '/^[^ \t#]/ { held = 0 } held { print "#"; next } { print } /(inline|static):/ { held = 1 }' /etc/postfix/main.cf 2>/dev/null | without_secrets | told postfix-main
  awk '/^[^ \t#]/ { held = 0 } held { print "#"; next } { print } /inline:/ { held = 1 }' /etc/postfix/master.cf 2>/dev/null | without_secrets | told postfix-master
  # shellcheck disable=SC2020 # each to a new line
  tables=$({ timeout -k 1 "$SLOW" postconf -nx; timeout -k 1 "$SLOW" postconf -Px; } 2>/dev/null </dev/null | tr ' ,{}\t' '\n\n\n\n\n' |
    sed -nE 's/^(proxy:)?(hash|btree|lmdb|dbm|cdb|texthash|regexp|pcre|cidr|mysql|pgsql|ldap|sqlite):(\/.*)$/\2 \3/p' | sort -u | head -n 200)
  # The state of each table: TYPE MODE OWNER GROUP CHANGED COMPILED PATH, the compiled copy's time or `-`.
  while read -r kind path; do
    case $kind in
      '') continue ;;
      hash | btree) compiled=$path.db ;;
      lmdb | cdb) compiled=$path.$kind ;;
      dbm) compiled=$path.pag ;;
      *) compiled='' ;;
    esac
    about=$(stat -L -c '%a %U %G %Y' -- "$path" 2>/dev/null) || about='0 - - 0'
    time=-
    [ -z "$compiled" ] || time=$(stat -L -c '%Y' -- "$compiled" 2>/dev/null) || time=absent
    printf '%s %s %s %s\n' "$kind" "$about" "$time" "$path"
  done <<END | told postfix-tables
$tables
END
  # Of tables that a text editor can open: rules that let somebody in, and every name on the left.
  # shellcheck disable=SC2020 # the same
  timeout -k 1 "$SLOW" postconf -nx 2>/dev/null </dev/null | tr ' ,{}\t' '\n\n\n\n\n' | awk '
      /^(check_.*_access)$/ { access = 1; next }
      access { print; access = 0 }' | sed -nE 's/^(proxy:)?(hash|btree|lmdb|dbm|cdb|texthash|regexp|pcre|cidr):(\/.*)$/\3/p' | sort -u | head -n 50 |
    while IFS= read -r path; do
      timeout -k 1 5 grep -HnEi '^[^#[:space:]].*[[:space:]](OK|PERMIT|RELAY|permit_[a-z_]+|[0-9]+)[[:space:]]*$' -- "$path" 2>/dev/null | head -n 200
    done | told postfix-access
  for name in mydestination virtual_alias_domains virtual_mailbox_domains relay_domains; do
    # shellcheck disable=SC2016,SC2020 # the same; a program of awk
    timeout -k 1 5 postconf -hx "$name" 2>/dev/null </dev/null | tr ' ,{}\t' '\n\n\n\n\n' |
      sed -nE 's/^(proxy:)?(hash|btree|lmdb|dbm|cdb|texthash):(\/.*)$/\3/p; s/^(\/.*)$/\1/p' | sort -u | head -n 20 |
      while IFS= read -r path; do
        timeout -k 1 5 awk -v name="$name" -v path="$path" '/^[^#[:space:]]/ && $1 !~ /[@|\/]/ && $1 ~ /\./ { print name, $1, path ":" FNR }' "$path" 2>/dev/null | head -n 2000
      done
  done | told postfix-domains
  # Lines that make every name exist: `@example.org`, and patterns that fit everything.
  for name in virtual_alias_maps virtual_mailbox_maps relay_recipient_maps local_recipient_maps; do
    # shellcheck disable=SC2016,SC2020 # the same
    timeout -k 1 5 postconf -hx "$name" 2>/dev/null </dev/null | tr ' ,{}\t' '\n\n\n\n\n' |
      sed -nE 's/^(proxy:)?(hash|btree|lmdb|dbm|cdb|texthash|regexp|pcre):(\/.*)$/\3/p' | sort -u | head -n 20 |
      while IFS= read -r path; do
        timeout -k 1 5 awk -v name="$name" -v path="$path" '
          $1 ~ /^@/ || $1 ~ /^\/(\^?\.[*+]?\$?|\^|\$|@)?\/[a-z]*$/ { line = $1; $1 = ""; sub(/^ /, ""); print name, path ":" FNR, line, $0 }' "$path" 2>/dev/null | head -n 50
      done
  done | told postfix-catch-alls
  # shellcheck disable=SC2020 # the same
  while IFS= read -r path; do state "$path"; done <<END
$(timeout -k 1 "$SLOW" postconf -hx smtpd_tls_cert_file smtpd_tls_key_file smtpd_tls_chain_files smtpd_tls_eccert_file smtpd_tls_eckey_file 2>/dev/null </dev/null | tr ' ,' '\n\n' | grep '^/')
END
fi

if command -v doveconf >/dev/null 2>&1; then
  output dovecot-version dovecot --version
  timeout -k 1 "$SLOW" doveconf -n 2>/dev/null </dev/null | without_secrets | told dovecot-set
  timeout -k 1 "$SLOW" doveconf -n 2>&1 >/dev/null </dev/null | without_secrets | told dovecot-warnings
  timeout -k 1 "$SLOW" doveconf -a 2>/dev/null </dev/null | without_secrets | told dovecot-all
  find /etc/dovecot -maxdepth 2 -type f '(' -name '*.conf' -o -name '*.conf.ext' ')' -size -200k 2>/dev/null | sort | head -n 100 |
    while IFS= read -r path; do
      grep -HnE '^[[:space:]]*([a-z0-9_]+([[:space:]]+[^={}]+)?[[:space:]]*[={]|\})' -- "$path" 2>/dev/null
    done | without_secrets | told dovecot-lines
  while IFS= read -r path; do state "$path"; done <<END
$(timeout -k 1 "$SLOW" doveconf -n 2>/dev/null </dev/null | sed -nE 's/^[[:space:]]*(ssl_cert|ssl_server_cert_file|cert_file) = <?(\/.*)$/\2/p' | sort -u | head -n 20)
END
fi

