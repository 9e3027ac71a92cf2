using Abi.Database.Indexes;

namespace Abi.Database.Tests.Indexes;

/// <summary>Which of many points is nearest, beside the definition.</summary>
[Parallelizable]
public sealed unsafe class CentroidsTests
{
    /// <summary>Small whole numbers, so that many points are equally near, and no sum is rounded.</summary>
    [Test]
    public void TheFirstOfTheNearestIsFound([Values(1, 2, 15, 16, 17, 64, 65, 255, 256, 300)] int count, [Values(1, 4, 7)] int dimensions)
    {
        var random = new Random((count * 10) + dimensions);
        float[] Point() => [.. Enumerable.Range(0, dimensions).Select(_ => (float)random.Next(-3, 4))];
        var points = Enumerable.Range(0, count).Select(_ => Point()).ToArray();
        var centroids = new Centroids(points.SelectMany(x => x).ToArray(), dimensions);
        var distances = new float[centroids.Padded];
        for (var i = 0; i < 200; i++)
        {
            var vector = Point();
            var expected = points.Index().MinBy(point => point.Item.Zip(vector).Sum(pair => (pair.First - pair.Second) * (pair.First - pair.Second))).Index;
            fixed (float* from = vector)
            {
                Assert.That(centroids.Nearest(from, distances), Is.EqualTo(expected));
            }
        }
    }

    /// <summary>What is too far away for a number is as far as anything: no place behind the last point is named.</summary>
    [Test]
    public void AVectorThatIsInfinitelyFarAwayHasANearestPoint()
    {
        var centroids = new Centroids([1e30f, -1e30f, 2e30f, 3e30f], 1);
        var distances = new float[centroids.Padded];
        foreach (var x in new[] { float.MaxValue, -float.MaxValue, 1e30f })
        {
            Assert.That(centroids.Nearest(&x, distances), Is.InRange(0, 3));
        }
    }
}
