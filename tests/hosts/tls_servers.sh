#!/bin/sh
# Servers with good and bad TLS on one host, for tests/hosts/test_tls_scan.py. Certificates lie in
# /srv/tls already: ec, rsa, expired and stranger, each NAME.pem with NAME.key, and intermediate.pem.
set -eu
cd /srv/tls

run() {
    port=$1
    shift
    systemd-run -q --unit="tls-$port" --working-directory=/srv/tls -- "$@"
}

serve() {
    port=$1
    shift
    # -www waits for a request; without it the server ends the connection when its stdin ends.
    run "$port" openssl s_server -accept "$port" -www "$@"
}

# What no authority of today signs: a short RSA key and SHA-1. At security level 0, OpenSSL takes
# a finite field that is as short as the key.
openssl req -x509 -newkey rsa:1024 -nodes -sha1 -days 900 -subj /CN=weak \
    -addext subjectAltName=DNS:mx1.example.test -keyout weak.key -out weak.pem 2>/dev/null
cat rsa.pem intermediate.pem >full.pem
cat rsa.pem root.pem intermediate.pem >disorder.pem

serve 9001 -key ec.key -cert ec.pem -cert_chain intermediate.pem -tls1_2 -serverpref \
    -cipher ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA
serve 9002 -key ec.key -cert ec.pem -dkey rsa.key -dcert rsa.pem -tls1_3 -groups P-384:X448
serve 9003 -key weak.key -cert weak.pem -cipher ALL:@SECLEVEL=0 -client_renegotiation
serve 9005 -key expired.key -cert expired.pem -cert_chain intermediate.pem
serve 9006 -key stranger.key -cert stranger.pem -tls1_2 -serverpref \
    -cipher ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES128-GCM-SHA256
serve 9007 -key rsa.key -cert rsa.pem -cert_chain disorder.pem
serve 9008 -key rsa.key -cert rsa.pem -status_file staple.der
run 9004 gnutls-serv --x509keyfile rsa.key --x509certfile full.pem -p 9004 --echo \
    --priority 'LEGACY:+VERS-ALL:+3DES-CBC:+ARCFOUR-128:+SHA1:+SIGN-RSA-SHA1:+ANON-DH:+ANON-ECDH:+DHE-RSA:+RSA'

cp weak.key weak.pem rsa.key full.pem /etc/postfix/
postconf -e myhostname=mx1.example.test inet_interfaces=all mydestination= smtpd_tls_security_level=may \
    'smtpd_tls_chain_files=/etc/postfix/rsa.key, /etc/postfix/full.pem' smtp_dns_support_level=disabled
postconf -M '10025/inet=10025 inet n - n - - smtpd' '10587/inet=10587 inet n - n - - smtpd'
postconf -P '10025/inet/smtpd_tls_protocols=>=TLSv1' '10025/inet/tls_medium_cipherlist=ALL:@SECLEVEL=0' \
    10025/inet/smtpd_tls_chain_files=/etc/postfix/weak.key,/etc/postfix/weak.pem \
    10587/inet/smtpd_tls_security_level=none
systemctl restart postfix
for port in 9001 9002 9003 9004 9005 9006 9007 9008 10025; do
    for _ in $(seq 100); do
        ss -Hltn "sport = :$port" | grep -q . && break
        sleep 0.1
    done
done
