package config

// keyUse says what becomes of a key of a connection string.
type keyUse uint8

const (
	keyUsed     keyUse = iota + 1 // the driver, its pool or the server understands it
	keyIdle                       // libpq's, and nothing is lost by leaving it out
	keyRefused                    // libpq's, and whoever writes it relies on what the driver does not do
	keyRenamed                    // another name of one that is used
	keyHostAddr                   // wants its own advice
)

// dsnKeys are the keys that a connection string may hold. The driver sends every key that it does not know to the server as a
// run-time parameter, and a connection string that is no such string is full of them: so only these get to the driver.
var dsnKeys = map[string]keyUse{
	"host": keyUsed, "port": keyUsed, "dbname": keyUsed, "user": keyUsed, "password": keyUsed, "passfile": keyUsed,
	"connect_timeout": keyUsed, "service": keyUsed, "servicefile": keyUsed, "target_session_attrs": keyUsed,
	"sslmode": keyUsed, "sslkey": keyUsed, "sslcert": keyUsed, "sslcertmode": keyUsed, "sslrootcert": keyUsed,
	"sslnegotiation": keyUsed, "sslpassword": keyUsed, "sslsni": keyUsed, "channel_binding": keyUsed, "require_auth": keyUsed,
	"krbspn": keyUsed, "krbsrvname": keyUsed, "min_protocol_version": keyUsed, "max_protocol_version": keyUsed,
	"database": keyRenamed,
	"hostaddr": keyHostAddr,

	"pool_max_conns": keyUsed, "pool_min_conns": keyUsed, "pool_min_idle_conns": keyUsed, "pool_max_conn_lifetime": keyUsed,
	"pool_max_conn_lifetime_jitter": keyUsed, "pool_max_conn_idle_time": keyUsed, "pool_health_check_period": keyUsed, "pool_ping_timeout": keyUsed,
	"statement_cache_capacity": keyUsed, "description_cache_capacity": keyUsed, "default_query_exec_mode": keyUsed,

	"application_name": keyUsed, "options": keyUsed, "search_path": keyUsed, "timezone": keyUsed, "statement_timeout": keyUsed,
	"lock_timeout": keyUsed, "idle_in_transaction_session_timeout": keyUsed,

	"client_encoding": keyIdle, "fallback_application_name": keyIdle, "keepalives": keyIdle, "keepalives_idle": keyIdle,
	"keepalives_interval": keyIdle, "keepalives_count": keyIdle, "tcp_user_timeout": keyIdle, "sslcompression": keyIdle,
	"gsslib": keyIdle, "gssdelegation": keyIdle, "load_balance_hosts": keyIdle, "sslkeylogfile": keyIdle,

	"gssencmode": keyRefused, "requiressl": keyRefused, "sslcrl": keyRefused, "sslcrldir": keyRefused, "requirepeer": keyRefused,
	"ssl_min_protocol_version": keyRefused, "ssl_max_protocol_version": keyRefused, "replication": keyRefused,
	"scram_client_key": keyRefused, "scram_server_key": keyRefused, "oauth_issuer": keyRefused, "oauth_client_id": keyRefused,
	"oauth_client_secret": keyRefused, "oauth_scope": keyRefused,
}

// idleValues are those with which a refused key asks for nothing.
var idleValues = map[string][]string{
	"gssencmode": {"disable", "prefer"}, "requiressl": {"0"}, "ssl_min_protocol_version": {"TLSv1", "TLSv1.1", "TLSv1.2"}, "replication": {"false", "off", "no", "0"},
}

// foreignSchemes begin the addresses that people write in place of a PostgreSQL URL. An error may name one of them and nothing
// else of what was written.
var foreignSchemes = []string{
	"jdbc:", "mysql://", "mariadb://", "sqlite:", "sqlserver://", "mongodb://", "mongodb+srv://", "redis://", "http://", "https://", "cockroachdb://",
	"pgsql://", "pgx://", "psql://", "postgresql+psycopg2://", "postgresql+psycopg://", "postgresql+asyncpg://", "postgres+asyncpg://", "ecto://", "file:",
}
