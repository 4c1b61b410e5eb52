"""An application of GeoDjango: where something is. Not installed: it needs GDAL."""
