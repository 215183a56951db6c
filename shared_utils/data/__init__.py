"""From a city's files to CityData. Each function loads its module when called: this room imports light."""
