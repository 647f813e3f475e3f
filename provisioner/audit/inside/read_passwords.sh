# Part of the script that read.sh begins: who has a password of which scheme, and who has the very same hash as
# another. The hashes stay here. And for each of Dovecot's password databases, whether it could be read.

MOST=5000       # users of one database, and files of one
TAB=$(printf '\t')
UNIT=$(printf '\037')

# LOGIN SCHEME NUMBER SOURCE, separated by tabs; the number is 0 for a hash that nobody else has.
schemes() { # SOURCE DEFAULT [SEPARATOR]: lines of LOGIN:PASSWORD on stdin
  awk -F "${3:-:}" -v source="$1" -v implied="$2" '
    function scheme(text,   name) {
      if (text == "") return "EMPTY"
      if (match(text, /^\{[A-Za-z0-9._-]+\}/)) {
        name = toupper(substr(text, 2, RLENGTH - 2)); text = substr(text, RLENGTH + 1)
        if (text == "") return "EMPTY"
        if (name != "CRYPT") return name
      } else if (implied != "CRYPT" && text !~ /^\$/) return toupper(implied)
      if (text ~ /^[!*]/) return "LOCKED"
      if (text ~ /^\$1\$/) return "MD5-CRYPT"
      if (text ~ /^\$apr1\$/) return "APR1"
      if (text ~ /^\$2[abxy]?\$/) return "BLF-CRYPT"
      if (text ~ /^\$5\$/) return "SHA256-CRYPT"
      if (text ~ /^\$6\$/) return "SHA512-CRYPT"
      if (text ~ /^\$(y|gy|7)\$/) return "YESCRYPT"
      if (text ~ /^\$argon2/) return "ARGON2"
      if (length(text) == 13 && text ~ /^[.\/0-9A-Za-z]+$/) return "DES-CRYPT"
      return "UNKNOWN"
    }
    /^#/ || $1 == "" || NF < 2 { next }
    { n++; login[n] = $1; hash[n] = $2; kind[n] = scheme($2); count[$2]++ }
    /[: \t]nopassword([= \t]|$)/ { kind[n] = "NOPASSWORD" }
    END {
      for (at = 1; at <= n; at++) {
        number = 0
        if (count[hash[at]] > 1 && kind[at] !~ /^(EMPTY|LOCKED|NOPASSWORD)$/) {
          if (!(hash[at] in known)) known[hash[at]] = ++numbers
          number = known[hash[at]]
        }
        printf "%s\t%s\t%d\t%s\n", login[at], kind[at], number, source
      }
    }'
}

# Each passdb in the order of doveconf, as words between unit separators:
# NUMBER KIND PATH SCHEME DENY QUERY ITERATE DRIVER HOST PORT BASE USER PASSWORD.
passdbs() {
  timeout -k 1 "$SLOW" doveconf -nP 2>/dev/null </dev/null | awk '
    BEGIN { inside = 0 }
    function text(line) {
      sub(/^[^=]*= ?/, "", line)
      if (line ~ /^".*"$/) { line = substr(line, 2, length(line) - 2); gsub(/\\"/, "\"", line) }
      return line
    }
    function of(n, name) { return (n, name) in own ? own[n, name] : own[0, name] }
    { line = $0; sub(/^[ \t]+/, "", line) }
    line ~ /\{$/ {
      depth++
      if (line ~ /^passdb[ {]/) { inside = ++count; open = depth; own[count, "driver"] = $2 == "{" ? "" : $2 }
      if (line ~ /^userdb[ {]/) { userdb = depth }
      if (line ~ /^(mysql|pgsql) / && !((inside, $1) in first)) {
        first[inside, $1] = 1; server = $1; below = depth; own[inside, server "host"] = $2
      }
      next
    }
    line == "}" {
      if (depth == open) inside = open = 0
      if (depth == userdb) userdb = 0
      if (depth == below) { server = ""; below = 0 }
      depth--; next
    }
    server != "" { own[inside, server $1] = text(line); next }
    userdb && $1 ~ /iterate_query$/ { if (iterate == "") iterate = text(line); next }
    depth == open || !depth { name = $1; sub(/^passdb_/, "", name); own[inside, name] = text(line) }
    END {
      for (n = 1; n <= count; n++) {
        path = of(n, "passwd_file_path"); how = of(n, "default_password_scheme")
        words = split(own[n, "args"], word, " ")
        for (at = 1; at <= words; at++) {
          gsub(/"/, "", word[at])
          if (word[at] ~ /^scheme=/) how = substr(word[at], 8); else if (word[at] ~ /^\//) path = word[at]
        }
        sql = of(n, "sql_driver"); owner = (n, sql) in first ? n : 0
        query = own[n, "query"] == "" ? own[n, "sql_query"] : own[n, "query"]
        base = sql == "sqlite" ? of(n, "sqlite_path") : own[owner, sql "dbname"]
        printf "%d\037%s\037%s\037%s\037%s\037%s\037%s", n, own[n, "driver"], path, how == "" ? "CRYPT" : how, own[n, "deny"], query, iterate
        printf "\037%s\037%s\037%s\037%s\037%s\037%s\n", sql, own[owner, sql "host"], own[owner, sql "port"], base, own[owner, sql "user"], own[owner, sql "password"]
      }
    }'
}

# The passwd-files of a path with variables (`/etc/mail/%d/passwd`): each variable may be anything.
files_of() { # PATH
  pattern=$(printf '%s\n' "$1" | sed -E 's/%\{[^}]*\}|%[A-Z0-9.-]*[a-z]/*/g; s/%%/%/g')
  (
    set +f
    IFS=
    for path in $pattern; do [ -f "$path" ] && printf '%s\n' "$path"; done
  ) | head -n "$((MOST + 1))"
}

of_files() { # PATH DEFAULT: sets state
  paths=$(files_of "$1")
  [ -n "$paths" ] || { state=no-file; return 0; }
  state=judged
  [ "$(printf '%s\n' "$paths" | wc -l)" -le "$MOST" ] || state=part
  while IFS= read -r path; do
    [ "$(stat -L -c %s -- "$path")" -le "$ONE" ] || state=part
    timeout -k 1 5 head -c "$ONE" -- "$path" | schemes "$path" "$2"
  done <<END
$paths
END
}

# A setting in a file of Dovecot 2.3 for SQL, where a line that ends with a backslash goes on in the next.
sql_field() { # NAME FILE
  sed -e ':again' -e '/\\$/{' -e N -e 's/\\\n[[:space:]]*/ /' -e 't again' -e '}' -- "$2" |
    sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p" | tail -n 1 | sed 's/[[:space:]]*$//; s/^"\(.*\)"$/\1/; s/\\\(["\\]\)/\1/g'
}

connect_part() { # NAME: of `host=… dbname='…'` on stdin, quotes taken off
  awk -v name="$1" '{
    line = $0
    while (match(line, /^[[:space:]]*[a-z_]+=/)) {
      key = substr(line, RSTART, RLENGTH - 1); sub(/^[[:space:]]*/, "", key)
      line = substr(line, RSTART + RLENGTH); value = ""
      if (substr(line, 1, 1) == "\047") {
        line = substr(line, 2)
        while (line != "" && substr(line, 1, 1) != "\047") {
          if (substr(line, 1, 1) == "\\") line = substr(line, 2)
          value = value substr(line, 1, 1); line = substr(line, 2)
        }
        line = substr(line, 2)
      } else { match(line, /^[^[:space:]]*/); value = substr(line, 1, RLENGTH); line = substr(line, RLENGTH + 1) }
      if (key == name) { print value; exit }
    }
  }'
}

# The database's own client: statements on stdin, a line of names and lines of values on stdout. Reads only.
client() {
  case $driver in
    mysql)
      case $host in /*) set -- "--socket=$host" ;; *) set -- "--host=${host:-localhost}" ;; esac
      [ -z "$port" ] || set -- "$@" "--port=$port"
      MYSQL_PWD=$secret timeout -k 1 "$SLOW" "$program" --no-defaults --batch --quick --skip-auto-rehash --default-character-set=utf8mb4 \
        --connect-timeout=5 --init-command='SET SESSION TRANSACTION READ ONLY' "$@" --user="$user" --database="$base" 2>/dev/null
      ;;
    pgsql)
      PGPASSWORD=$secret PGCONNECT_TIMEOUT=5 PGOPTIONS='-c default_transaction_read_only=on' timeout -k 1 "$SLOW" "$program" \
        -X -q -A -w -F "$TAB" -P footer=off ${host:+"--host=$host"} ${port:+"--port=$port"} ${user:+"--username=$user"} --dbname="$base" 2>/dev/null
      ;;
    sqlite)
      # Without a journal of another's at hand, SQLite would make one.
      from=$base
      [ -e "$base-wal" ] || from="file:$base?immutable=1"
      timeout -k 1 "$SLOW" "$program" -readonly -batch -header -separator "$TAB" "$from" 2>/dev/null
      ;;
  esac
}

# Whose password a query asks for, taken from the query itself: its tables, and the columns that it compares
# with the user's name. For a database that has no list of its users (iterate_query).
whom() {
  printf '%s\n' "$query" | awk '{
    if (!match(toupper($0), /[ \t]FROM[ \t]/)) exit
    from = substr($0, RSTART + RLENGTH)
    if (!match(toupper(from), /[ \t]WHERE[ \t]/)) exit
    where = substr(from, RSTART + RLENGTH); from = substr(from, 1, RSTART - 1)
    if (from ~ /%/) exit
    while (match(where, /[A-Za-z0-9_.`"]+[ \t]*=[ \t]*["\047]%(\{[^}]*\}|[A-Z]*[und])["\047]/)) {
      column = substr(where, RSTART, RLENGTH); where = substr(where, RSTART + RLENGTH)
      variable = column; sub(/[ \t]*=.*/, "", column); sub(/^[^%]*/, "", variable)
      if (variable ~ /^%(\{[^}]*domain|[A-Z]*d)/) domain = column
      else if (variable ~ /^%(\{[^}]*username|[A-Z]*n)/) name = column
      else if (variable ~ /^%(\{[^}]*user|[A-Z]*u)/) user = column
    }
    if (user != "") print "SELECT " user " AS user FROM " from
    else if (name != "") print "SELECT " name " AS username" (domain == "" ? "" : ", " domain " AS domain") " FROM " from
  }'
}

names_by() { # STATEMENT: what it lists, a login a line
  case $1 in '' | *';'*) return 0 ;; esac
  printf '%s;\n' "$1" | client | awk -F "$TAB" '
    NR == 1 { for (at = 1; at <= NF; at++) column[$at] = at; next }
    { login = "user" in column ? $column["user"] : "username" in column ? $column["username"] : ""
      if ("domain" in column && login != "" && !("user" in column)) login = login "@" $column["domain"]
      if (login != "" && login != "NULL") print login }' | head -n "$((MOST + 1))"
}

# The password query for each login on stdin. A login that could end its quotes is left out.
questions() {
  QUERY=$query awk -v fold="$fold" -v most="$MOST" '
    function filled(text,   made, word) {
      while (match(text, /%%|%\{[^}]*\}|%[A-Z0-9.-]*[a-z]/)) {
        word = substr(text, RSTART, RLENGTH); made = made substr(text, 1, RSTART - 1); text = substr(text, RSTART + RLENGTH)
        if (word == "%%") made = made "%"
        else if (word ~ /^%(\{[^}]*domain|[A-Z0-9.-]*d)/) made = made domain
        else if (word ~ /^%(\{[^}]*username|[A-Z0-9.-]*n)/) made = made name
        else if (word ~ /^%(\{[^}]*user|[A-Z0-9.-]*u)/) made = made login
        else if (word ~ /^%(\{[^}]*(protocol|service)|[A-Z0-9.-]*s)/) made = made "imap"
      }
      return made text
    }
    NR > most || /[\\"[:cntrl:]]/ { next }
    { login = fold ? tolower($0) : $0; gsub(/\047/, "\047\047", login); name = login; domain = ""
      if (at = index(login, "@")) { name = substr(login, 1, at - 1); domain = substr(login, at + 1) }
      printf "SELECT \047%s\047 AS provision_login;\n%s;\n", login, filled(ENVIRON["QUERY"]) }'
}

answers() { # LOGIN PASSWORD NOPASSWORD, of what the client says to the questions
  awk -F "$TAB" -v OFS="$TAB" -v mysql="$([ "$driver" = mysql ] && echo 1)" '
    function value(name,   text) {
      text = name in column ? $column[name] : ""
      return mysql && text == "NULL" ? "" : text
    }
    $0 == "provision_login" { want = 1; next }
    want == 1 { login = $0; want = 2; next }
    want == 2 { split("", column); for (at = 1; at <= NF; at++) column[$at] = at; want = 3; next }
    want == 3 {
      password = value("password")
      if (password == "") password = value("password_noscheme")
      print login, password, value("nopassword") == "" ? "" : "nopassword"; want = 0 }'
}

of_sql() { # PATH DEFAULT: sets state; the rest is in the variables that `passdbs` filled
  if [ -n "$1" ]; then
    [ -f "$1" ] || { state=no-file; return 0; }
    driver=$(sql_field driver "$1") query=$(sql_field password_query "$1") iterate=$(sql_field iterate_query "$1")
    connect=$(sql_field connect "$1") how=$(sql_field default_pass_scheme "$1")
    host=$(printf '%s\n' "$connect" | connect_part host) port=$(printf '%s\n' "$connect" | connect_part port)
    base=$(printf '%s\n' "$connect" | connect_part dbname) user=$(printf '%s\n' "$connect" | connect_part user)
    secret=$(printf '%s\n' "$connect" | connect_part password)
    [ "$driver" != sqlite ] || base=$connect
  fi
  case $driver in mysql) programs='mariadb mysql' ;; pgsql) programs=psql ;; sqlite) programs=sqlite3 ;; *) state=unknown; return 0 ;; esac
  program=''
  for one in $programs; do [ -n "$program" ] || program=$(command -v "$one"); done
  [ -n "$program" ] || { state="no-client"; return 0; }
  query=${query%;}
  case $query in [Ss][Ee][Ll][Ee][Cc][Tt][[:space:]]*) ;; *) state=no-query; return 0 ;; esac
  case $query in *';'*) state=no-query; return 0 ;; esac
  in_time || { state=late; return 0; }
  echo 'SELECT 1;' | client >/dev/null || { state=refused; return 0; }
  # Dovecot asks in small letters unless told otherwise.
  case $(timeout 5 doveconf -h auth_username_format 2>/dev/null </dev/null) in *lower* | *%L*) fold=1 ;; *) fold='' ;; esac
  names=$(names_by "${iterate%;}")
  [ -n "$names" ] || names=$(names_by "$(whom)")
  [ -n "$names" ] || { state=no-users; return 0; }
  state=judged
  [ "$(printf '%s\n' "$names" | wc -l)" -le "$MOST" ] || state=part
  ! printf '%s\n' "$names" | grep -q '[\\"[:cntrl:]]' || state=part
  rows=$(printf '%s\n' "$names" | questions | client) || state=part
  found=$(printf '%s\n' "$rows" | answers)
  [ -n "$found" ] || { state=no-rows; return 0; }
  printf '%s\n' "$found" | schemes "$driver $base" "${how:-$2}" "$TAB"
}

{
  [ ! -r /etc/shadow ] || head -c "$ONE" /etc/shadow | schemes /etc/shadow CRYPT
  [ -z "$(command -v doveconf)" ] || passdbs | head -n 50 |
    while IFS=$UNIT read -r number kind path how deny query iterate driver host port base user secret; do
      state=elsewhere
      case $deny:$kind in
        yes:*) state=judged ;;
        *:passwd-file) of_files "$path" "$how" ;;
        *:sql) of_sql "$path" "$how" ;;
      esac
      printf 'passdb\t%s\t%s\n' "$number" "$state"
    done
} | told password-schemes

