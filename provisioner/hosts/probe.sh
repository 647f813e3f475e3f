# Reads what a host is, in one exchange. Changes nothing.
#
# stdin holds one question a line, written by provisioner/hosts/probe.py; names that hold
# anything but plain characters come as octal escapes (see decode). The answer is lines of
# plain words; whatever a file holds comes in base64, so that nothing in it can look like
# an answer. Run as root by `sh`; POSIX, with coreutils as on any Debian.
set -u
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
state=/var/lib/provision

decode() { # sets $value; the x keeps a trailing newline from being cut off
  case $1 in
    *\\*) value=$(printf '%bx' "$1") && value=${value%x} ;;
    *) value=$1 ;;
  esac
}

run_decoded() { # run the words of a question as a program
  left=$#
  while [ "$left" -gt 0 ]; do
    decode "$1"
    shift
    set -- "$@" "$value"
    left=$((left - 1))
  done
  "$@"
}

facts() {
  echo "fact uid $(id -u)"
  (
    VERSION_CODENAME='' ID=''
    # shellcheck disable=SC1091
    [ -r /etc/os-release ] && . /etc/os-release
    printf 'fact system %.40s\nfact release %.40s\n' "$ID" "$VERSION_CODENAME"
  )
  read -r debian 2>/dev/null </etc/debian_version && printf 'fact debian %.40s\n' "$debian"
  read -r kernel_name 2>/dev/null </proc/sys/kernel/hostname && printf 'fact hostname %.255s\n' "$kernel_name"
  read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id && printf 'fact boot %.40s\n' "$boot"
  read -r init 2>/dev/null </proc/1/comm && printf 'fact init %.40s\n' "$init"
  while read -r key number unit; do
    [ "$key" = MemAvailable: ] && printf 'fact memory_kib %.20s\n' "$number" && break
  done 2>/dev/null </proc/meminfo
  : "${unit:-}"
  printf 'fact now %.30s\n' "$(date +%s.%N)"
  df -Pk /var 2>/dev/null | while read -r _ _ _ free _ mount; do
    [ -n "${mount:-}" ] && [ "$free" != Available ] && printf "fact disk_kib %.20s\n" "$free"
  done
  # The state of a transaction that did not end, and what the last one left.
  if [ -L "$state/current" ]; then
    current=$(readlink "$state/current")
    printf 'unfinished %.80s %s\n' "${current##*/}" "$(flock -n "$state/lock" true 2>/dev/null && echo dead || echo running)"
  fi
  for name in state last hold; do
    [ -f "$state/$name" ] && printf 'record %s %s\n' "$name" "$(head -c 4000000 "$state/$name" | base64 -w0)"
  done
}

look_around() { # ADDRESS TARGET, each - for none: what a first apply wants to know of the world outside
  # Only on a host that no transaction has touched: these wait for the network, 4 s at most.
  [ ! -f "$state/last" ] || return 0
  if [ "$1" != - ]; then
    (timeout 4 getent hosts "$1" | { read -r _ name _ && printf 'fact ptr %.255s\n' "$name"; }) &
  fi
  # A validating resolver sets the AD bit (RFC 6840 section 5.7) on the root's own SOA record.
  # shellcheck disable=SC2016 # Perl's variables, not the shell's
  (timeout 4 perl -MIO::Socket::INET -e '
    open my $conf, "<", "/etc/resolv.conf" or exit; my ($server) = map { /^nameserver\s+([0-9.]+)/ } <$conf>;
    my $socket = IO::Socket::INET->new(PeerAddr => $server, PeerPort => 53, Proto => "udp") or exit;
    $socket->send(pack("n6 C n2", 4711, 0x0120, 1, 0, 0, 0, 0, 6, 1)); $socket->recv(my $answer, 512);
    print "fact validates ", (unpack("x3 C", $answer) & 0x20 ? "yes" : "no"), "\n" if length $answer > 11;
  ' 2>/dev/null) &
  if [ "$2" != - ]; then
    decode "$2"
    (if timeout 4 perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(PeerAddr => shift, PeerPort => 25)' -- "$value" 2>/dev/null; then
      echo 'fact outbound open'
    else
      echo 'fact outbound closed'
    fi) &
  fi
  wait
}

# One pass over the questions. What can be asked for many names at once is gathered first:
# a file question costs no process of its own.
count=0 existing='' packages='' units='' users='' groups=''
set -f
set --
echo 'provision-probe 1'
while read -r verb name want rest; do
  case $verb in
    file)
      count=$((count + 1))
      decode "$name"
      if [ -e "$value" ] || [ -L "$value" ]; then
        set -- "$@" "$value"
        existing="$existing $count:$want"
      fi
      ;;
    package) packages="$packages $name" ;;
    unit) units="$units $name" ;;
    user) users="$users $name" ;;
    group) groups="$groups $name" ;;
    exists)
      decode "$want"
      if [ -e "$value" ]; then printf 'guard %s met\n' "$name"; else printf 'guard %s unmet\n' "$name"; fi
      ;;
    unless)
      # shellcheck disable=SC2086 # the words are encoded: none holds a blank
      if run_decoded timeout -k 1 10 $want $rest </dev/null >/dev/null 2>&1; then
        printf 'guard %s met\n' "$name"
      else
        printf 'guard %s unmet\n' "$name"
      fi
      ;;
    around) look_around "$name" "$want" ;;
    end) break ;;
  esac
done

facts

if [ $# -gt 0 ]; then
  # shellcheck disable=SC2086
  echo existing $existing
  stat -c 'stat %f %u %g %U %G %s %.6Z' -- "$@"
  for word in $existing; do
    number=${word%%:*} want=${word#*:}
    if [ -L "$1" ]; then
      printf 'link %s %s\n' "$number" "$(readlink -- "$1" | head -c 8192 | base64 -w0)"
    elif [ -f "$1" ]; then
      set -- "$@" "$1"
      regular="${regular:-} $word"
    fi
    shift
  done
fi
if [ $# -gt 0 ]; then
  hashes=$(timeout 30 sha256sum -- "$@")
  for word in $regular; do
    number=${word%%:*} want=${word#*:}
    hash=${hashes%%[!0-9a-f\\]*}
    hash=${hash#\\}
    printf 'hash %s %s\n' "$number" "$hash"
    case $want in
      -* | *"$hash"*) ;;
      *) printf 'content %s %s\n' "$number" "$(head -c 1000000 -- "$1" | base64 -w0)" ;;
    esac
    hashes=${hashes#*
}
    shift
  done
fi

# shellcheck disable=SC2086
{
  [ -z "$packages" ] || dpkg-query -W -f='package ${Package} ${Version} ${db:Status-Status}\n' -- $packages 2>/dev/null
  [ -z "$units" ] || systemctl show --timestamp=us+utc --no-pager -p Id,LoadState,ActiveState,SubState,UnitFileState,StateChangeTimestamp,ActiveEnterTimestamp,NeedDaemonReload,ExecMainStartTimestamp,Result -- $units 2>/dev/null | sed 's/^/unit /'
  [ -z "$users" ] || getent passwd -- $users | while IFS=: read -r user _ uid gid _ home shell; do
    echo "user $user $uid $gid $home $shell $(id -Gn -- "$user" | tr ' ' ,)"
  done
  [ -z "$groups" ] || getent group -- $groups | while IFS=: read -r group _ gid _; do echo "group $group $gid"; done
}
grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6 2>/dev/null | head -n 500 | while read -r _ local _; do echo "listen $local"; done
echo end
