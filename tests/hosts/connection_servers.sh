#!/bin/sh
# shellcheck disable=SC2016  # Postfix expands what begins with a dollar
# A mail server on which each failure of a connection can be had, for test_connection_failures.py.
# Postfix and Dovecot are real; ports 9000 and up are openssl and, for what no server can be made to do
# on purpose, lines that a few lines of Perl say. Certificates: a root, an intermediate, and bad ones.
set -eu
DNS=$1 DROPPING=$2
mkdir -p /srv/lab && cd /srv/lab
echo "nameserver $DNS" >/etc/resolv.conf

# --- certificates -----------------------------------------------------------------------------

ca() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$2" -addext keyUsage=critical,keyCertSign \
        -keyout "$1.key" -out "$1.pem" 2>/dev/null
}
sign() { # name, issuer, extensions, further options of x509
    name=$1 issuer=$2 extensions=$3
    shift 3
    openssl req -newkey "rsa:${BITS:-2048}" -nodes -subj "/CN=$name" -keyout "$name.key" -out "$name.csr" 2>/dev/null
    printf '%b\n' "$extensions" >"$name.ext"
    openssl x509 -req -in "$name.csr" -CA "$issuer.pem" -CAkey "$issuer.key" -CAcreateserial \
        -extfile "$name.ext" -out "$name.pem" "$@" 2>/dev/null
}
SAN='subjectAltName=DNS:mail.lab,DNS:mx.lab'
ca root 'Lab root'
ca stranger-root 'Somebody else'
sign intermediate root 'basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign' -days 20
BITS=1024 sign weak root "$SAN" -days 20
sign good root "$SAN" -days 20
sign untrusted stranger-root "$SAN" -days 20
sign named root 'subjectAltName=DNS:other.lab' -days 20
sign chainless intermediate "$SAN\nauthorityInfoAccess=caIssuers;URI:http://ca.lab/intermediate.crt" -days 20
# x509 -req signs from now on only; ca signs for any time.
mkdir -p ca && : >ca/index && echo 01 >ca/serial
printf '[ca]\ndefault_ca=c\n[c]\ndir=ca\ndatabase=ca/index\nserial=ca/serial\nnew_certs_dir=ca\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n' >ca.cnf
for when in 'expired 20240101000000Z 20240201000000Z' 'early 20400101000000Z 20410101000000Z'; do
    # shellcheck disable=SC2086  # three words
    set -- $when
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
    printf '%s\nauthorityKeyIdentifier=keyid\n' "$SAN" >"$1.ext"
    openssl ca -batch -config ca.cnf -cert root.pem -keyfile root.key -in "$1.csr" -out "$1.pem" -notext \
        -startdate "$2" -enddate "$3" -extfile "$1.ext" 2>/dev/null
done
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=self -addext "$SAN" -keyout self.key -out self.pem 2>/dev/null

# --- Postfix ----------------------------------------------------------------------------------

printf '%s\n' 'rename@lab.test 551 5.1.6 moved to carol@elsewhere.lab' 'full@lab.test 552 5.2.2 Mailbox full' \
    'gone@lab.test 550 5.2.1 This mailbox is inactive' 'grey@lab.test 450 4.2.0 Greylisted, see http://grey.lab/' \
    >/etc/postfix/answers
printf '%s\n' '/^Subject: Test of/ REJECT 5.7.1 Spam message rejected' >/etc/postfix/spam
printf '%s\n' 'alice@lab.test alice@lab.test' 'bob@lab.test bob@lab.test' >/etc/postfix/senders
printf '%s\n' 'junk@lab.test junk:' 'lost@lab.test discard:' >/etc/postfix/ways
postconf -e myhostname=mail.lab mydestination= inet_interfaces=all inet_protocols=ipv4 mynetworks=127.0.0.0/8 \
    virtual_mailbox_domains=lab.test 'virtual_transport=lmtp:unix:private/dovecot-lmtp' \
    virtual_mailbox_maps='inline:{alice@lab.test=1 bob@lab.test=1 rename@lab.test=1 full@lab.test=1 gone@lab.test=1 grey@lab.test=1 junk@lab.test=1 lost@lab.test=1}' \
    transport_maps=texthash:/etc/postfix/ways smtpd_tls_security_level=may \
    'smtpd_tls_chain_files=/srv/lab/good.key, /srv/lab/good.pem' smtpd_sasl_type=dovecot smtpd_sasl_path=private/auth \
    smtpd_tls_auth_only=yes smtpd_sender_login_maps=texthash:/etc/postfix/senders smtpd_client_connection_count_limit=200 \
    'smtpd_recipient_restrictions=permit_mynetworks, reject_unauth_destination, check_recipient_access texthash:/etc/postfix/answers'
port() { # number, then settings
    number=$1
    shift
    postconf -M "$number/inet=$number inet n - n - - smtpd"
    for setting; do postconf -P "$number/inet/$setting"; done
}
SUBMIT='smtpd_recipient_restrictions=reject_unknown_recipient_domain,permit_sasl_authenticated,reject'
port 587 smtpd_tls_security_level=encrypt smtpd_sasl_auth_enable=yes "$SUBMIT" \
    'smtpd_sender_restrictions=reject_sender_login_mismatch'
port 465 smtpd_tls_wrappermode=yes smtpd_sasl_auth_enable=yes "$SUBMIT"
port 2503 smtpd_tls_security_level=none
port 2504 'smtpd_tls_chain_files=/srv/lab/good.key,/srv/lab/named.pem'
port 2505 smtpd_delay_reject=no smtpd_helo_restrictions=reject_non_fqdn_helo_hostname
postconf -e 'lab_list=reject_rbl_client bl.lab'
port 2506 smtpd_delay_reject=no 'smtpd_client_restrictions=$lab_list'
port 2507 smtpd_client_restrictions=reject_unknown_client_hostname
port 2508 smtpd_relay_restrictions=permit_mynetwroks
port 2509 smtpd_client_connection_count_limit=1
port 2510 smtpd_client_message_rate_limit=1
port 2511 smtpd_sender_restrictions=reject_unknown_sender_domain
port 2512 message_size_limit=300 virtual_mailbox_limit=200
port 2513 queue_minfree=99999999999
port 2514 cleanup_service_name=spamcleanup
port 2515 smtpd_sasl_auth_enable=yes smtpd_sasl_path=private/nobody-there
port 2516 smtpd_tls_chain_files=/srv/lab/expired.key,/srv/lab/expired.pem
postconf -M 'spamcleanup/unix=spamcleanup unix n - n - 0 cleanup' 'junk/unix=junk unix - n n - - pipe flags=DRX user=vmail argv=/usr/lib/dovecot/dovecot-lda -d junk@lab.test -m Junk'
postconf -P 'spamcleanup/unix/header_checks=regexp:/etc/postfix/spam'

# --- Dovecot ----------------------------------------------------------------------------------

id vmail >/dev/null 2>&1 || useradd -r -m -d /srv/mail vmail
mkdir -m 0700 /srv/mail/unreadable@lab.test
cat >/etc/dovecot/users <<USERS
alice@lab.test:{PLAIN}right horse::::::
bob@lab.test:{PLAIN}right horse::::::
junk@lab.test:{PLAIN}right horse::::::
unreadable@lab.test:{PLAIN}right horse::::::
locked@lab.test:{PLAIN}right horse::::::nologin=y reason=Account-disabled
USERS
cat >/etc/dovecot/dovecot.conf <<CONF
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols = imap pop3 lmtp
mail_driver = maildir
mail_path = /srv/mail/%{user}
mail_uid = vmail
mail_gid = vmail
ssl_server_cert_file = /srv/lab/good.pem
ssl_server_key_file = /srv/lab/good.key
auth_mechanisms = plain login
auth_failure_delay = 0
mail_max_userip_connections = 2
lda_mailbox_autocreate = yes
namespace inbox {
  inbox = yes
  separator = /
  mailbox Junk {
    auto = create
    special_use = \Junk
  }
}
passdb passwd-file {
  passwd_file_path = /etc/dovecot/users
}
userdb static {
  fields {
    uid = vmail
    gid = vmail
    home = /srv/mail/%{user}
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    mode = 0600
    user = postfix
    group = postfix
  }
}
CONF
systemctl restart dovecot postfix

# --- what openssl and a few lines of Perl do --------------------------------------------------

tls() {
    number=$1
    shift
    systemd-run -q --unit="lab-$number" --working-directory=/srv/lab -- openssl s_server -accept "$number" -quiet "$@"
}
tls 9001 -key good.key -cert good.pem -tls1_1 -cipher ALL:@SECLEVEL=0
tls 9002 -key good.key -cert good.pem -tls1_2 -cipher NULL-SHA256:@SECLEVEL=0
tls 9003 -key weak.key -cert weak.pem -cipher ALL:@SECLEVEL=0
tls 9004 -key good.key -cert good.pem -tls1_3 -Verify 1 -verify_return_error
tls 9005 -key untrusted.key -cert untrusted.pem
tls 9006 -key self.key -cert self.pem
tls 9007 -key chainless.key -cert chainless.pem
tls 9008 -key expired.key -cert expired.pem
tls 9009 -key early.key -cert early.pem
tls 9010 -key named.key -cert named.pem

cat >say.pl <<'PERL'
# say.pl PORT LINE...: says the first line, then one of the rest after each line that comes in; `<` waits
# for no line, `!` closes the connection, `?` says nothing and waits.
use IO::Socket::INET;
my ($port, @lines) = @ARGV;
my $listener = IO::Socket::INET->new(LocalPort => $port, Listen => 50, ReuseAddr => 1) or die;
$SIG{CHLD} = 'IGNORE';
while (my $peer = $listener->accept) {
    next if fork;
    $peer->autoflush;
    my $first = 1;
    for my $line (@lines) {
        defined(<$peer>) or last if !$first and $line ne '!';
        $first = 0;
        last if $line eq '!';
        sleep 60 if $line eq '?';
        $line =~ s/\|/\r\n/g;
        print $peer "$line\r\n";
    }
    exit;
}
PERL
say() {
    number=$1
    shift
    systemd-run -q --unit="lab-$number" -- perl /srv/lab/say.pl "$number" "$@"
}
say 9101 '!'
say 9102 '?'
say 9103 '554 No SMTP service here'
say 9104 '220 x' '250-x|250 AUTH XOAUTH2 OAUTHBEARER' '221 bye'
say 9105 '220 x' '250-x|250 AUTH GSSAPI' '221 bye'
say 9106 '220 x' '250-x|250 AUTH PLAIN' '!'
say 9107 '220 x' '250-x|250 AUTH PLAIN' '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.' '221 bye'
say 9108 '220 x' '250-x|250 AUTH PLAIN' '534-5.7.9 Application-specific password required.|534 5.7.9 https://support.google.com/mail/?p=InvalidSecondFactor - gsmtp' '221 bye'
say 9109 '* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] x' 'p1 NO [EXPIRED] Password expired' 'p2 OK bye'
say 9110 'HTTP/1.1 400 Bad Request'
say 9111 '220 x' '250-x|250 AUTH PLAIN' '454 4.7.0 Temporary authentication failure: Connection lost to authentication server' '221 bye'
say 9112 '220 x' '250 x' '421 4.3.2 Service shutting down' '221 bye'

# --- the firewall -----------------------------------------------------------------------------

ip address add "$DROPPING/24" dev "$(ip -o route get "$DNS" | sed 's/.* dev \([^ ]*\).*/\1/')"
nft -f - <<NFT
table inet lab {
  chain input {
    type filter hook input priority 0;
    tcp dport 2501 drop
    ip daddr $DROPPING tcp dport 25 drop
    tcp dport 2502 reject with icmpx admin-prohibited
    udp dport 5399 drop
    tcp dport 5399 drop
  }
}
NFT
for number in 25 587 465 993 2516 9001 9010 9101 9112; do
    for _ in $(seq 100); do
        ss -Hltn "sport = :$number" | grep -q . && continue 2
        sleep 0.1
    done
    echo "nothing listens on $number" >&2
    exit 1
done
