using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving.Advisor;

public sealed class RunningRateTests
{
    private readonly RunningRate _rate = new();
    private readonly Random _random = new(20);

    [Fact]
    public void Noise_and_a_fifth_of_outliers_do_not_move_it()
    {
        for (var i = 0; i < 200; i++)
        {
            var tokens = _random.Next(100, 8000);
            var seconds = (0.010 + (tokens / 20_000.0)) * (0.98 + (0.04 * _random.NextDouble()));
            Observe(tokens, i % 5 == 3 ? seconds * 25 : seconds);
        }
        var fit = _rate.Read(out var seen);
        Assert.Equal(RunningRate.Window, seen);
        Assert.InRange(fit.PerSecond, 19_000, 21_000);
        Assert.InRange(fit.Overhead.TotalMilliseconds, 5, 15);
    }

    [Fact]
    public void What_it_knew_is_forgotten_when_things_have_changed()
    {
        for (var i = 0; i < 100; i++) Observe(_random.Next(100, 8000), 7e9);
        Assert.Equal(7e9, Fit().PerSecond, 1e6);
        for (var i = 0; i < RunningRate.Window; i++) Observe(_random.Next(100, 8000), 1e9);
        Assert.Equal(1e9, Fit().PerSecond, 1e6);

        void Observe(int megabytes, double bandwidth) => this.Observe(megabytes * 1e6, megabytes * 1e6 / bandwidth);
    }

    [Fact]
    public void Where_all_are_alike_the_overhead_is_the_one_that_was_given()
    {
        var given = new RunningRate(TimeSpan.FromMilliseconds(10));
        for (var i = 0; i < 10; i++) given.Observe(1000 + i, TimeSpan.FromMilliseconds(60));
        var fit = given.Read(out _);
        Assert.Equal(TimeSpan.FromMilliseconds(10), fit.Overhead);
        Assert.InRange(fit.For(1000).TotalMilliseconds, 59, 60.5);
        Observe(1000, 0.060);
        Assert.Equal(0.060, Fit().For(1000).TotalSeconds, 1e-6);
        Assert.Equal(0.120, Fit().For(2000).TotalSeconds, 1e-6);
    }

    [Fact]
    public void Nothing_gets_negative_or_less_than_nothing_to_do()
    {
        for (var i = 1; i <= 20; i++) Observe(i * 100, (21 - i) * 0.01); // more is faster: nonsense
        Assert.True(double.IsPositiveInfinity(Fit().PerSecond));
        Assert.InRange(Fit().For(500).TotalSeconds, 0.05, 0.15);
        for (var i = 1; i <= RunningRate.Window; i++) Observe(i * 100, i * i * 0.01); // a line through it would begin below nothing
        Assert.Equal(TimeSpan.Zero, Fit().Overhead);
        for (var i = 1; i <= RunningRate.Window; i++) Observe(i, 0);
        Assert.True(Fit().For(100) < TimeSpan.FromMilliseconds(1));
    }

    private void Observe(double units, double seconds) => _rate.Observe(units, TimeSpan.FromSeconds(seconds));

    private KvRate Fit() => _rate.Read(out _);
}
