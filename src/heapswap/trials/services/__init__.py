"""A service in a trial: started, waited for, loaded level by level, left alone, stopped."""
