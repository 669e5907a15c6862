# What is there after packer: its images with tags, and nothing else of it.
say() { echo "packer_left.sh: $*" >&2; exit 1; }
ask() { aws ec2 "$@" --output text; }

images=$(ask describe-images --owners self --query 'sort_by(Images, &Name)[].[Name,State,Description]')
[ "$images" = $'by-packer-bought\tavailable\tmade by packer\nby-packer-spot\tavailable\tmade by packer' ] ||
    say "images: $(aws ec2 describe-images --owners self)"
tags=$(ask describe-snapshots --owner-ids self --query 'Snapshots[].Tags[?Key==`kind`].Value[]')
[ "$tags" = $'image & snapshot\timage & snapshot' ] ||
    say "snapshots: $(aws ec2 describe-snapshots --owner-ids self)"
[ "$(ask describe-instances --query 'Reservations[].Instances[].State.Name')" = $'terminated\tterminated' ] || say "its instance is left"
[ "$(ask describe-key-pairs --query 'length(KeyPairs)')" = 0 ] || say "its key pair is left"
[ "$(ask describe-security-groups --query 'length(SecurityGroups)')" = 1 ] || say "its security group is left"
[ "$(ask describe-launch-templates --query 'length(LaunchTemplates)')" = 0 ] || say "its launch template is left"
[ "$(ask describe-volumes --query 'length(Volumes)')" = 0 ] || say "its volume is left"
