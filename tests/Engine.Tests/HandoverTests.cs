using System.Text;
using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests;

public sealed class HandoverTests
{
    [Fact]
    public void A_handover_comes_back()
    {
        var handover = new Handover("request-7", 33, 97);
        Assert.Equal(handover, Handover.Parse(handover.ToBytes()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"Request":"a","PromptTokens":0,"FirstToken":1}""")]
    [InlineData("""{"Request":"a","PromptTokens":5,"FirstToken":-1}""")]
    [InlineData("not json")]
    public void What_is_no_handover_is_refused(string payload) =>
        Assert.Throws<InvalidDataException>(() => Handover.Parse(Encoding.UTF8.GetBytes(payload)));

    [Fact]
    public async Task A_line_that_is_no_message_is_refused()
    {
        using var input = new MemoryStream(Encoding.UTF8.GetBytes("{\"kind\":\"stop\"}\nhello\n"));
        using var output = new MemoryStream();
        using var channel = EngineChannel.Of(input, output);
        Assert.IsType<StopMessage>(await channel.ReceiveAsync(default));
        Assert.Contains("hello", (await Assert.ThrowsAsync<InvalidDataException>(() => channel.ReceiveAsync(default))).Message, StringComparison.Ordinal);
        Assert.Null(await channel.ReceiveAsync(default));
    }

    [Theory]
    [InlineData(0.5, 3)]
    [InlineData(0.99, 5)]
    [InlineData(0.0, 1)]
    public void Percentiles_are_nearest_rank(double share, double expected) =>
        Assert.Equal(expected, DemoReport.Percentile([5, 1, 4, 2, 3], share));
}
