"""What a reviewer looks at."""
