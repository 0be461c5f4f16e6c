namespace Nixl.Sdk.Bench.Tests;

public sealed class CommandLineTests
{
    [Fact]
    public void An_unknown_name_is_refused_with_the_list()
    {
        var error = Assert.Single(CommandLine.Create(TextWriter.Null).Parse("local nonsense").Errors);
        Assert.Contains("'nonsense'", error.Message, StringComparison.Ordinal);
        Assert.Contains("local.random4k", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("--quick --check --retries 0 local tcp.bulk notify.async_rtt.vs_eventfd latency")]
    public void What_the_help_names_is_taken(string line) => Assert.Empty(CommandLine.Create(TextWriter.Null).Parse(line).Errors);

    [Theory]
    [InlineData("--retries -1")]
    [InlineData("--fast")]
    public void Nonsense_options_are_refused(string line) => Assert.NotEmpty(CommandLine.Create(TextWriter.Null).Parse(line).Errors);

    [Theory]
    [InlineData("tcp", "tcp.random4k tcp.bulk")]
    [InlineData("local.bulk", "local.bulk")]
    [InlineData("local.bulk.vs_memcpy", "local.bulk")]
    [InlineData("idle.cpu", "idle")]
    [InlineData("latency", "write4k notify.poll_rtt notify.async_rtt small_behind_bulk")]
    [InlineData("loc", "")]
    public void A_name_is_a_benchmark_a_group_or_a_figure(string name, string expected) =>
        Assert.Equal(expected, string.Join(' ', Benchmarks.Find(name).Select(benchmark => benchmark.Name)));
}
