using Nixl.Sdk.Interop;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Transfers;

/// <summary>Whatever goes wrong while an outcome is worked out, who awaits it learns of it.</summary>
public class OutcomeTests
{
    [Theory]
    [InlineData(NixlStatus.Success)]
    [InlineData(NixlStatus.Backend)]
    public async Task A_listener_that_throws_does_not_keep_the_outcome_from_the_awaiter(NixlStatus status)
    {
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        var runtime = pair.A.Runtime;
        var slot = new OperationSlot(runtime, new Thrower());
        var userData = slot.Begin(default);
        var version = slot.Posted(1);
        runtime.Dispatch(new NativeEvent
        {
            UserData = userData, Status = (int)status, Entry = ulong.MaxValue, Bytes = 7,
            Flags = (uint)(NativeEventFlags.Outcome | NativeEventFlags.Quiesced),
        });
        if (status == NixlStatus.Success)
            Assert.Equal(7, slot.GetResult(version).Bytes);
        else
            Assert.Equal(status, Assert.Throws<NixlBackendException>(() => slot.GetResult(version)).Status);
        Assert.Equal(0, runtime.InFlight);
    }

    private sealed class Thrower : IOperationOwner
    {
        public NixlTransports Transport => NixlTransports.Loopback;

        public Exception? OnOutcome(in NativeEvent outcome) => throw new InvalidOperationException("a listener");

        public void OnReleased()
        {
        }
    }
}
