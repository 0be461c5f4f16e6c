// Wire messages of the control connection.
namespace nixl {}
