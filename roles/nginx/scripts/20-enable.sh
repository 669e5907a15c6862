# Our site is the only one, whatever name a request is for.
rm -f /etc/nginx/sites-enabled/default
nginx -t
systemctl daemon-reload
systemctl enable nginx.service
systemctl restart nginx.service
