root:root 0644
# Managed by provision, from template dovecot/junk.sieve.j2. Changes made here are shown by the next plan and overwritten by the next apply.
require ["fileinto"];

# The spam filter's mark. The message stays where the user finds it.
if header :is "X-Spam" "Yes" {
    fileinto "Junk";
    stop;
}
