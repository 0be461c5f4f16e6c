using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Diagnostics;

public class DiagnosticsTests
{
    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task The_choice_of_the_transport_is_logged_with_its_reason(Backend backend)
    {
        var log = new Lines();
        using var factory = LoggerFactory.Create(b => b.SetMinimumLevel(LogLevel.Debug).AddProvider(log));
        await using (var pair = await Pair.CreateAsync(backend, o => o.LoggerFactory = factory))
        {
            await pair.ConnectAsync();
            Assert.Contains(
                log.All, l => l.Level == LogLevel.Information && l.Text.Contains($"{pair.A.Name} connected to {pair.B.Name}", StringComparison.Ordinal)
                    && l.Text.Contains(pair.ToB.Transport.ToString(), StringComparison.Ordinal)
                    && l.Text.Contains(pair.ToB.Reason, StringComparison.Ordinal));

            // TCP that nobody asked for is slow, and slow is never silent.
            Assert.Equal(
                backend == Backend.Fabric,
                log.All.Any(l => l.Level == LogLevel.Warning && l.Text.Contains("slow transport", StringComparison.Ordinal)));
        }

        Assert.Equal(2, log.All.Count(l => l.Text.EndsWith("stopped", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_lost_peer_is_a_warning_with_its_reason()
    {
        var log = new Lines();
        using var factory = LoggerFactory.Create(b => b.AddProvider(log));
        await using var pair = await Pair.CreateAsync(Backend.Fake, o => o.LoggerFactory = factory);
        await pair.ConnectAsync();
        pair.Fake!.Disconnect(pair.B.Name);
        await Deadlines.UntilAsync(
            () => log.All.Any(l => l.Level == LogLevel.Warning && l.Text.Contains("FakeTransport.Disconnect", StringComparison.Ordinal)), "the warning");
    }

    [Theory]
    [MemberData(nameof(Backends.Faulty), MemberType = typeof(Backends))]
    public async Task The_meter_counts_bytes_transfers_failures_and_notifications(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        var agent = bench.Pair.A.Name;
        var counts = new ConcurrentDictionary<string, long>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == "Nixl.Sdk")
                    self.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            var all = tags.ToArray().ToDictionary(t => t.Key, t => t.Value);
            if (all["nixl.agent"] is not string name || (name != agent && name != bench.Pair.B.Name))
                return; // Of a test that runs beside this one.
            counts.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value);
            if (instrument.Name == "nixl.transfer.bytes")
                Assert.Equal((bench.Pair.B.Name, "loopback", "write"), (all["nixl.peer"], all["nixl.transport"], all["nixl.operation"]));
        });
        listener.Start();
        using var transfer = bench.Write();
        await transfer.PostAsync([1, 2, 3], [1, 2, 3], "n"u8).SoonAsync();
        await bench.Pair.A.NotifyAsync(bench.Pair.ToB, []).SoonAsync();
        var buffer = new byte[4];
        Assert.True(bench.Pair.B.TryReadNotification(buffer, out _));
        Assert.True(bench.Pair.B.TryReadNotification(buffer, out _));
        bench.Pair.FailNext();
        await Assert.ThrowsAsync<NixlBackendException>(() => transfer.PostAsync([1], [1]).SoonAsync());

        Assert.Equal(3 * 4096, counts["nixl.transfer.bytes"]);
        Assert.Equal(1, counts["nixl.transfers"]);
        Assert.Equal(1, counts["nixl.transfer.failures"]);
        Assert.Equal(1, counts["nixl.notifications.sent"]);
        Assert.Equal(2, counts["nixl.notifications.received"]);
    }

    [Theory]
    [InlineData(Backend.Local)]
    [InlineData(Backend.Loopback)]
    public async Task A_listener_that_throws_changes_nothing_that_was_sent_or_read(Backend backend)
    {
        var log = new Lines();
        using var factory = LoggerFactory.Create(b => b.AddProvider(log));
        await using var pair = await Pair.CreateAsync(backend, o => o.LoggerFactory = factory);
        await pair.ConnectAsync();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == "Nixl.Sdk" && instrument.Name.StartsWith("nixl.notifications", StringComparison.Ordinal))
                    self.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((_, _, tags, _) =>
        {
            foreach (var tag in tags)
            {
                if (tag.Key == "nixl.agent" && (Equals(tag.Value, pair.A.Name) || Equals(tag.Value, pair.B.Name)))
                    throw new InvalidOperationException("a listener's own fault");
            }
        });
        listener.Start();

        await pair.A.NotifyAsync(pair.ToB, "n"u8.ToArray()).SoonAsync();

        var buffer = new byte[4];
        var info = default(NotificationInfo);
        await Deadlines.UntilAsync(() => pair.B.TryReadNotification(buffer, out info), "the notification");
        Assert.Equal((1, (byte)'n'), (info.PayloadLength, buffer[0]));
        Assert.False(pair.B.TryReadNotification(buffer, out _));
        Assert.Contains(log.All, l => l.Level == LogLevel.Critical);
    }

    private sealed class Lines : ILoggerProvider, ILogger
    {
        private readonly ConcurrentQueue<(LogLevel Level, string Text)> _lines = new();

        public (LogLevel Level, string Text)[] All => [.. _lines];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel level, EventId id, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _lines.Enqueue((level, formatter(state, exception)));

        public void Dispose()
        {
        }
    }
}
