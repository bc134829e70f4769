"""Complete example sagas: each is a folder to copy and change."""
