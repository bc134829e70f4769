"""Two versions of the code, compared by the steps that their workflows take."""
