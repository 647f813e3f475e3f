# Reads what transactions have left on a host, in one exchange. Changes nothing.
#
# stdin holds one question a line, written by provisioner/hosts/history.py; names that hold
# anything but plain characters come as octal escapes (see decode). The answer is lines of
# plain words; whatever a file holds comes in base64, so that nothing in it can look like
# an answer. Run as root by `sh`; POSIX, with coreutils as on any Debian.
set -u
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
state=/var/lib/provision
most=4000000 # bytes of one file

decode() { # sets $value; the x keeps a trailing newline from being cut off
  case $1 in
    *\\*) value=$(printf '%bx' "$1") && value=${value%x} ;;
    *) value=$1 ;;
  esac
}

encoded() { # FILE: its content as one word; - where it is empty
  [ -s "$1" ] || { printf -- -; return; }
  head -c "$most" -- "$1" | base64 -w0
}

transactions() { # every one, the one that ended first coming first; NAME…: with these of its files
  if [ -L "$state/current" ]; then
    current=$(readlink "$state/current")
    printf 'current %.80s %s\n' "${current##*/}" "$(flock -n "$state/lock" true 2>/dev/null && echo dead || echo running)"
  fi
  cd "$state/history" 2>/dev/null || return 0
  for id in *; do
    [ -d "$id" ] || continue
    # One that has not ended is the newest.
    ended=$(stat -c %.9Y -- "$id/outcome" 2>/dev/null) || ended=9999999999.0
    printf '%s %s\n' "$ended" "$id"
  done | sort -n | while read -r ended id; do
    printf 'transaction %.80s %s %s\n' "$id" "$ended" "$(du -sk -- "$id" 2>/dev/null | cut -f 1)"
    for name in "$@"; do
      [ ! -f "$id/$name" ] || printf 'text %s %s\n' "$name" "$(encoded "$id/$name")"
    done
    [ ! -f "$id/steps" ] || grep -m 1 '^fail ' "$id/steps" | head -c 4000 || true
  done
}

saved() { # TRANSACTION NUMBER: one thing that it replaced
  case $1$2 in *[!0-9A-Za-z-]*) return ;; esac
  copy=$state/history/$1/saved/$2
  if [ -L "$copy" ]; then
    printf 'saved %s %s link - - - 0 %s\n' "$1" "$2" "$(readlink -- "$copy" | head -c 8192 | base64 -w0)"
  elif [ -f "$copy" ]; then
    printf 'saved %s %s file %s %s\n' "$1" "$2" "$(stat -c '%U %G %a %s' -- "$copy")" "$(encoded "$copy")"
  elif [ -d "$copy" ]; then
    printf 'saved %s %s directory %s 0 -\n' "$1" "$2" "$(stat -c '%U %G %a' -- "$copy")"
  fi
}

written() { # HASH: what roles brought
  case $1 in *[!0-9a-f]*) return ;; esac
  [ ! -f "$state/written/$1" ] || printf 'written %s %s\n' "$1" "$(encoded "$state/written/$1")"
}

edited() { # NAME SECONDS: a file that somebody changed then, and the last sudo command before that names it
  decode "$1"
  [ -f "$value" ] && [ ! -L "$value" ] || return 0
  printf 'content %s %s\n' "$1" "$(encoded "$value")"
  case $2 in '' | *[!0-9]*) return ;; esac
  command=$(timeout 5 journalctl -q --no-pager -o cat -t sudo --since "@$(($2 - 7200))" --until "@$(($2 + 5))" 2>/dev/null |
    sed 's/$/ /' | grep -F -- " $value " | grep -F COMMAND= | tail -n 1 | head -c 4000)
  [ -z "$command" ] || printf 'sudo %s %s\n' "$1" "$(printf '%s' "$command" | base64 -w0)"
}

account() { # DATABASE NUMBER: the name of a user or group
  case $1$2 in *[!0-9a-z]*) return ;; esac
  printf 'account %s %s %s\n' "$1" "$2" "$(getent "$1" "$2" | cut -d : -f 1)"
}

echo 'provision-history 1'
while read -r verb first rest; do
  case $verb in
    transactions)
      # shellcheck disable=SC2086 # plain names of files
      transactions $first $rest
      ;;
    saved) saved "$first" "$rest" ;;
    written) written "$first" ;;
    account) account "$first" "$rest" ;;
    edited) edited "$first" "$rest" ;;
    end) break ;;
  esac
done
echo end
