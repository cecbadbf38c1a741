package store

import "context"

// SessionSettings are settings as the store's connections have them.
func SessionSettings(ctx context.Context, dsn string, names ...string) (values []string, err error) {
	s, err := Open(ctx, dsn, Options{})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for _, name := range names {
		var value string
		if err := s.pool.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&value); err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}
