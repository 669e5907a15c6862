apt-get -q -y --no-install-recommends install nginx
