# oauth_endpoint.pl PORT: a token introspection endpoint (RFC 7662) that knows a few tokens by their beginning.
use strict;
use warnings;
use IO::Socket::INET;
my %known = (
    right   => '{"active":true,"username":"plain@lab.test","scope":"mail"}',
    other   => '{"active":true,"username":"sha1@lab.test","scope":"mail"}',
    narrow  => '{"active":true,"username":"plain@lab.test","scope":"profile"}',
);
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ARGV[0], Listen => 50, ReuseAddr => 1) or die;
while (my $peer = $listener->accept) {
    my ($request, $length) = ('', 0);
    while (defined(my $line = <$peer>)) {
        $request .= $line;
        $length = $1 if $line =~ /^Content-Length: *(\d+)/i;
        last if $line =~ /^\r?\n$/;
    }
    read $peer, my $body, $length if $length;
    my ($word) = ($body // $request) =~ /token=(right|other|narrow|broken)/;
    my $answer = $known{ $word // '' } // '{"active":false}';
    my $status = ($word // '') eq 'broken' ? '500 Internal Server Error' : '200 OK';
    print $peer "HTTP/1.1 $status\r\nContent-Type: application/json\r\nContent-Length: ", length $answer,
        "\r\nConnection: close\r\n\r\n$answer";
    close $peer;
}
