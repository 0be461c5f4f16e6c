using Nixl.Sdk.Bench.DataPath;
using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.Tests;

public sealed class MeasuringTests
{
    [Theory]
    [InlineData(0.5, 2.5)]
    [InlineData(0, 1)]
    [InlineData(1, 10)]
    [InlineData(0.9, 7.9)]
    public void Quantiles_lie_between_the_nearest_samples(double share, double expected)
    {
        var samples = new Measurements();
        foreach (var value in (double[])[10, 1, 3, 2])
            samples.Add(value);
        Assert.Equal(expected, samples.Quantile(share), 9);
    }

    [Fact]
    public void No_samples_have_no_median() => Assert.True(double.IsNaN(new Measurements().Median));

    [Fact]
    public async Task Sides_are_measured_in_turns_after_one_uncounted_round_each()
    {
        var order = new List<string>();
        var result = await Comparison.AlternateAsync(3, () => Side("ours", 2), () => Side("reference", 3), TimeSpan.Zero);
        Assert.Equal(["ours", "reference", "ours", "reference", "ours", "reference", "ours", "reference"], order);
        Assert.Equal(3, result.Ours.Count);
        Assert.Equal(1.5, result.Speed); // the reference takes longer: ours is faster
        Assert.Equal(2 / 3.0, result.Cost, 12);

        Task<double> Side(string name, double seconds)
        {
            order.Add(name);
            return Task.FromResult(seconds);
        }
    }

    [Fact]
    public void The_worst_of_several_is_the_furthest_on_the_wrong_side()
    {
        Figure[] most = [new("f.a", 1, "x") { AtMost = 5, Note = "" }, new("f.b", 9, "x") { AtMost = 5, Note = "" }];
        Figure[] least = [new("f.a", 1, "x") { AtLeast = 5, Note = "" }, new("f.b", 9, "x") { AtLeast = 5, Note = "" }];
        Assert.Equal(9, Worst.Of("f", most)[0].Value);
        Assert.Equal(1, Worst.Of("f", least)[0].Value);
        Assert.Equal(["f", "f.a", "f.b"], Worst.Of("f", least).Select(figure => figure.Name));
    }

    [Fact]
    public void A_permutation_has_every_id_once_on_both_sides_and_in_its_file()
    {
        using var ids = new Permutation(100);
        Assert.Equal(Enumerable.Range(0, 100), ids.From.Order());
        Assert.Equal(Enumerable.Range(0, 100), ids.To.Order());
        Assert.NotEqual(ids.From, ids.To);
        var bytes = File.ReadAllBytes(ids.Path);
        Assert.Equal(800, bytes.Length);
        Assert.Equal(ids.To[0], BitConverter.ToInt32(bytes, 400));
    }
}
