"""What switches behind each site's main meter, followed as readings come."""
