# What was downloaded need not go into every image.
apt-get clean
