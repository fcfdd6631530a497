-- The two roles and the database, made once by the image of PostgreSQL while its volume is empty.
\getenv owner OWNER_PASSWORD
\getenv app APP_PASSWORD
CREATE ROLE hearth_owner LOGIN PASSWORD :'owner';
CREATE ROLE hearth_app LOGIN PASSWORD :'app';
CREATE DATABASE hearth OWNER hearth_owner;
