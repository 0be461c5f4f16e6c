namespace Nixl.Sdk.Bench.Tests;

public sealed class RunnerTests
{
    [Fact]
    public async Task A_disturbed_measurement_is_repeated_until_it_is_quiet()
    {
        var (figures, text) = await RunAsync(retries: 5, 0.5, 0.2, 0.01, 0.0);
        Assert.Equal(3, figures[0].Value);
        Assert.Equal(0.01, figures[0].ForeignLoad);
        Assert.Contains("foreign load 50 % while fake was measured; measuring again", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_quietest_is_reported_if_none_is_quiet()
    {
        var (figures, text) = await RunAsync(retries: 2, 0.5, 0.2, 0.3);
        Assert.Equal(2, figures[0].Value);
        Assert.Contains("figure fake.value 2 ratio", text, StringComparison.Ordinal);
        Assert.Contains("the quietest is reported", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_load_is_not_known_nothing_is_repeated()
    {
        var (figures, _) = await RunAsync(retries: 2, [null]);
        Assert.Equal(1, figures[0].Value);
        Assert.Null(figures[0].ForeignLoad);
    }

    [Theory]
    [InlineData(1.2, null, 1.15, false)]
    [InlineData(1.1, null, 1.15, true)]
    [InlineData(0.2, 0.3, null, false)]
    [InlineData(0.3, 0.3, null, false)]
    [InlineData(0.31, 0.3, null, true)]
    [InlineData(double.NaN, 0.3, null, true)]
    public void A_target_is_a_bound_on_one_side(double value, double? atMost, double? atLeast, bool missed) =>
        Assert.Equal(missed, new Figure("f", value, "ratio") { AtMost = atMost, AtLeast = atLeast, Note = "" }.Missed);

    private static async Task<(IReadOnlyList<Figure> Figures, string Text)> RunAsync(int retries, params double?[] loads)
    {
        var output = new StringWriter();
        var shares = new Queue<double?>(loads);
        var figures = await new Runner(output, quick: true, retries, () => shares.Dequeue).RunAsync([new Counting()]);
        return (figures, output.ToString());
    }

    private sealed class Counting : IBenchmark
    {
        private int _runs;

        public string Name => "fake";

        public string Summary => "counts its runs";

        public Task<IReadOnlyList<Figure>> RunAsync(bool quick) =>
            Task.FromResult<IReadOnlyList<Figure>>([new("fake.value", ++_runs, "ratio") { AtLeast = 0, Note = "" }]);
    }
}
