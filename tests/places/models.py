from django.contrib.gis.db import models


class Place(models.Model):
    name = models.CharField(max_length=50)
    point = models.PointField(geography=True)
    area = models.PolygonField(srid=4326)

    class Meta:
        app_label = "places"

    def __str__(self) -> str:
        return self.name
